// Small pieces of C that Swift cannot say as well.
#ifndef TASKD_SHIMS_H
#define TASKD_SHIMS_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli) of `count` bytes, continuing from `crc` (0 to begin).
/// Uses the processor's instruction where there is one.
uint32_t taskd_crc32c(uint32_t crc, const void *bytes, size_t count);

#endif
