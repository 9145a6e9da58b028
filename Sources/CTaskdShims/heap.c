// What the C library's allocator says of itself.
#include "taskd_shims.h"

#if defined(__GLIBC__)
#include <malloc.h>

size_t taskd_allocated_bytes(void) {
  struct mallinfo2 heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

void taskd_trim_heap(void) { malloc_trim(0); }
#else
size_t taskd_allocated_bytes(void) { return 0; }
void taskd_trim_heap(void) {}
#endif
