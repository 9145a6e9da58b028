// The system's headers come first: event-config.h defines _GNU_SOURCE, with which <sys/select.h> would get
// another fd_set than the one Swift's Glibc module knows.
#include <sys/select.h>
#include <sys/types.h>
#include <sys/eventfd.h>
#include <event2/event.h>
#include <event2/util.h>
