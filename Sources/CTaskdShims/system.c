// System calls that Swift's view of the C library does not have, because they are extensions of Linux.
#define _GNU_SOURCE
#include "taskd_shims.h"

#include <pthread.h>
#include <sys/socket.h>

int taskd_accept(int descriptor, void *address, unsigned int *length) {
  return accept4(descriptor, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void taskd_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
