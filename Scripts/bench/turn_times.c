/*
 * Loaded before libc (LD_PRELOAD): writes down each turn of a loop over epoll that takes more than half a millisecond
 * of its thread's processor time, from one epoll_wait to the next. Processor time says what the turn itself cost,
 * whatever else the machine did meanwhile.
 *
 * A line of the file named by TURN_TIMES: when it ended (CLOCK_MONOTONIC), processor time, elapsed time; milliseconds.
 *
 * build: cc -shared -fPIC -O2 -o turn_times.so turn_times.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

static double milliseconds(clockid_t clock) {
  struct timespec t; clock_gettime(clock, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int epoll_wait(int poll, struct epoll_event *events, int count, int timeout) {
  static int (*next)(int, struct epoll_event *, int, int);
  static __thread double processor = -1, elapsed;
  static FILE *file;
  if (!next) {
    next = (int (*)(int, struct epoll_event *, int, int))dlsym(RTLD_NEXT, "epoll_wait");
    const char *name = getenv("TURN_TIMES");
    if (name) file = fopen(name, "w");
  }
  if (processor >= 0 && file) {
    double now = milliseconds(CLOCK_MONOTONIC), used = milliseconds(CLOCK_THREAD_CPUTIME_ID) - processor;
    if (used > 0.5) { fprintf(file, "%.3f %.3f %.3f\n", now, used, now - elapsed); fflush(file); }
  }
  int ready = next(poll, events, count, timeout);
  processor = milliseconds(CLOCK_THREAD_CPUTIME_ID); elapsed = milliseconds(CLOCK_MONOTONIC);
  return ready;
}
