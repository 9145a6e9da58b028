// What of the program's own files stands in memory.
#define _GNU_SOURCE
#include "taskd_shims.h"

#if defined(__linux__)
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

static int release_object(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size;
  (void)context;
  // The kernel's own page is no file.
  if (object->dlpi_addr == getauxval(AT_SYSINFO_EHDR)) return 0;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    // What is writable may have been changed, and would be lost.
    if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
    uintptr_t start = (object->dlpi_addr + part->p_vaddr + page - 1) & ~(page - 1);
    uintptr_t end = (object->dlpi_addr + part->p_vaddr + part->p_memsz) & ~(page - 1);
    if (start < end) madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

void taskd_release_program_pages(void) { dl_iterate_phdr(release_object, NULL); }
#else
void taskd_release_program_pages(void) {}
#endif
