// Growing bytes outside of Lua's memory, and numbers as text.
// Next: convert.c, which fills the reply's buffer.
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_reserve(host_buffer *buffer, size_t more) {
  if (buffer->capacity - buffer->count >= more) return;
  size_t larger = buffer->capacity ? buffer->capacity * 2 : 1024;
  while (larger - buffer->count < more) larger *= 2;
  char *base = realloc(buffer->base, larger);
  if (!base) abort();
  buffer->base = base;
  buffer->capacity = larger;
}

void buffer_append(host_buffer *buffer, const void *bytes, size_t count) {
  buffer_reserve(buffer, count);
  if (count) memcpy(buffer->base + buffer->count, bytes, count);
  buffer->count += count;
}

void buffer_append_text(host_buffer *buffer, const char *text) { buffer_append(buffer, text, strlen(text)); }

void buffer_append_byte(host_buffer *buffer, char byte) {
  buffer_reserve(buffer, 1);
  buffer->base[buffer->count++] = byte;
}

int format_integer(char *text, long long value) {
  char digits[24];
  int count = 0, length = 0;
  unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) text[length++] = '-';
  while (count) text[length++] = digits[--count];
  return length;
}

void buffer_append_head(host_buffer *buffer, char prefix, long long number) {
  buffer_reserve(buffer, 32);
  char *text = buffer->base + buffer->count;
  text[0] = prefix;
  int length = 1 + format_integer(text + 1, number);
  text[length] = '\r';
  text[length + 1] = '\n';
  buffer->count += (size_t)length + 2;
}

void buffer_reset(host_buffer *buffer) {
  if (buffer->capacity > 65536) {
    free(buffer->base);
    memset(buffer, 0, sizeof *buffer);
  }
  buffer->count = 0;
}

int format_number(char *text, double value) {
  // Within this range every whole number prints the same either way; −0 keeps its sign.
  if (value > -1e17 && value < 1e17 && value == (double)(long long)value && !(value == 0 && signbit(value))) {
    return format_integer(text, (long long)value);
  }
  return snprintf(text, 32, "%.17g", value);
}
