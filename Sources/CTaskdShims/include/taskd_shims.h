// Small pieces of C that Swift cannot say as well.
#ifndef TASKD_SHIMS_H
#define TASKD_SHIMS_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of `count` bytes, continuing from `crc` (0 to begin).
/// Uses the processor's instruction where there is one.
uint32_t taskd_crc32c(uint32_t crc, const void *bytes, size_t count);

/// accept4(2), non-blocking and closed on exec. `address` is a `struct sockaddr`.
int taskd_accept(int descriptor, void *address, unsigned int *length);

/// Names the calling thread, for the system's tools. At most 15 characters.
void taskd_name_thread(const char *name);

/// Bytes that the process holds of the C library's allocator; 0 where it does not tell.
size_t taskd_allocated_bytes(void);

/// Has the allocator give free memory back to the system, where it can.
void taskd_trim_heap(void);

/// Memory of the key store: as malloc, calloc, realloc, aligned_alloc and free, but what is in use is counted, by
/// thread: the store belongs to one. They end the process when there is no memory. Free takes null, too.
void *taskd_store_malloc(size_t bytes);
void *taskd_store_calloc(size_t count, size_t bytes);
void *taskd_store_realloc(void *memory, size_t bytes);
void *taskd_store_aligned(size_t bytes, size_t alignment);
void taskd_store_free(void *memory);

/// Counts memory that comes from elsewhere; a negative number when it goes.
void taskd_store_note(ptrdiff_t bytes);

/// Bytes in use.
ptrdiff_t taskd_store_bytes(void);

/// Takes the unchanged pages of the program and its libraries out of the process's memory; each comes back, from the
/// system's cache, when it is used. After a start most of them were used by the start only.
void taskd_release_program_pages(void);

/// Asks the processor to fetch what is at `address` ahead of its use. Any address is allowed.
static inline void taskd_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
