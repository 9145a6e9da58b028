// Memory of the key store, counted. The allocator knows how large each piece is, so nothing is stored with it.
#include "taskd_shims.h"

#include <malloc.h>
#include <stdlib.h>

static _Thread_local ptrdiff_t used_bytes;

static inline void *counted(void *memory) {
  if (memory == NULL) abort();
  used_bytes += (ptrdiff_t)malloc_usable_size(memory);
  return memory;
}

void *taskd_store_malloc(size_t bytes) { return counted(malloc(bytes)); }

void *taskd_store_calloc(size_t count, size_t bytes) { return counted(calloc(count, bytes)); }

void *taskd_store_realloc(void *memory, size_t bytes) {
  used_bytes -= (ptrdiff_t)malloc_usable_size(memory);
  return counted(realloc(memory, bytes));
}

void *taskd_store_aligned(size_t bytes, size_t alignment) {
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, bytes) != 0) abort();
  return counted(memory);
}

void taskd_store_free(void *memory) {
  used_bytes -= (ptrdiff_t)malloc_usable_size(memory);
  free(memory);
}

void taskd_store_note(ptrdiff_t bytes) { used_bytes += bytes; }

ptrdiff_t taskd_store_bytes(void) { return used_bytes; }
