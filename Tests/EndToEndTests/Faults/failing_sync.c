/*
 * Loaded before libc (LD_PRELOAD): while the file named by FAULT_TRIGGER exists, syncs fail with EIO, as those of a
 * disk that goes bad do. Everything else works as ever: what was written can be read back from the page cache.
 *
 * build: cc -shared -fPIC -O1 -o failing_sync.so failing_sync.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int fails(void) {
  const char *trigger = getenv("FAULT_TRIGGER");
  return trigger && access(trigger, F_OK) == 0;
}

static int call(const char *name, int file) {
  if (fails()) { errno = EIO; return -1; }
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  return next(file);
}

int fdatasync(int file) { return call("fdatasync", file); }
int fsync(int file) { return call("fsync", file); }
