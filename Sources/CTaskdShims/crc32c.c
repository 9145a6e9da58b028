// CRC-32C: the checksum of log records. Polynomial 0x1EDC6F41, reflected 0x82F63B78 (RFC 3720, B.4).
#include "taskd_shims.h"

#include <string.h>

static uint32_t table[256];

__attribute__((constructor)) static void fill_table(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82F63B78u & -(crc & 1));
    table[byte] = crc;
  }
}

static uint32_t crc_by_table(uint32_t crc, const uint8_t *bytes, size_t count) {
  while (count--) crc = (crc >> 8) ^ table[(crc ^ *bytes++) & 255];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t start, const uint8_t *bytes, size_t count) {
  uint64_t crc = start;
  for (; count >= 8; count -= 8, bytes += 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  for (; count; count--) crc = __builtin_ia32_crc32qi((uint32_t)crc, *bytes++);
  return (uint32_t)crc;
}
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) {
  for (; count >= 8; count -= 8, bytes += 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    crc = __crc32cd(crc, word);
  }
  for (; count; count--) crc = __crc32cb(crc, *bytes++);
  return crc;
}
static int has_instruction(void) { return 1; }
#else
static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *bytes, size_t count) { return crc_by_table(crc, bytes, count); }
static int has_instruction(void) { return 0; }
#endif

uint32_t taskd_crc32c(uint32_t crc, const void *bytes, size_t count) {
  crc = ~crc;
  crc = has_instruction() ? crc_by_instruction(crc, bytes, count) : crc_by_table(crc, bytes, count);
  return ~crc;
}
