// Patterns over bytes: the library has one set of functions for each width of characters.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
