// Library `struct`: values to packed bytes and back by a format.
//
//     >  <  =   big, little, native byte order        !n  align to at most n bytes
//     x         one byte of padding                   b B h H l L T   integers of 1, 2, 8 and 8 bytes
//     in In     integer of n bytes (4)                f d  float, double
//     s         string up to a zero byte              cn   exactly n bytes; c0: as many as the last number
#include "internal.h"

#include <stdint.h>
#include <string.h>

enum { integer_bytes_max = 32, alignment_default = 1, alignment_native = 8 };

struct layout {
  int is_little;
  int alignment;
};

static int native_is_little(void) { return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__; }

static int is_digit(char character) { return character >= '0' && character <= '9'; }

/// The number at `*format`, or `fallback` where there is none.
static size_t read_count(lua_State *lua, const char **format, size_t fallback) {
  if (!is_digit(**format)) return fallback;
  size_t count = 0;
  while (is_digit(**format)) {
    size_t digit = (size_t)(*(*format)++ - '0');
    if (count > (INT32_MAX - digit) / 10) luaL_error(lua, "integral size overflow");
    count = count * 10 + digit;
  }
  return count;
}

/// Bytes of the option, without padding.
static size_t option_size(lua_State *lua, char option, const char **format) {
  switch (option) {
  case 'b':
  case 'B': return 1;
  case 'h':
  case 'H': return 2;
  case 'l':
  case 'L':
  case 'T': return 8;
  case 'f': return 4;
  case 'd': return 8;
  case 'x': return 1;
  case 'c': return read_count(lua, format, 1);
  case 'i':
  case 'I': {
    size_t size = read_count(lua, format, 4);
    if (size > integer_bytes_max) {
      luaL_error(lua, "integral size %d is larger than limit of %d", (int)size, integer_bytes_max);
    }
    return size;
  }
  default: return 0;
  }
}

/// Padding in front of an option of `size` bytes at `position`.
static size_t padding(size_t position, size_t size, char option, const struct layout *layout) {
  if (option == 'c' || size == 0) return 0;
  size_t alignment = size > (size_t)layout->alignment ? (size_t)layout->alignment : size;
  if (alignment <= 1) return 0;
  return (alignment - (position & (alignment - 1))) & (alignment - 1);
}

/// Options that only change the layout. Returns whether `option` was one.
static int apply_layout(lua_State *lua, char option, const char **format, struct layout *layout) {
  switch (option) {
  case ' ': return 1;
  case '>': layout->is_little = 0; return 1;
  case '<': layout->is_little = 1; return 1;
  case '=': layout->is_little = native_is_little(); return 1;
  case '!': {
    size_t alignment = read_count(lua, format, alignment_native);
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > integer_bytes_max) {
      luaL_error(lua, "alignment %d is not a power of 2", (int)alignment);
    }
    layout->alignment = (int)alignment;
    return 1;
  }
  default: return 0;
  }
}

static int refuse_option(lua_State *lua, char option) {
  return luaL_argerror(lua, 1, lua_pushfstring(lua, "invalid format option '%c'", option));
}

static void add_integer(luaL_Buffer *out, lua_Number number, size_t size, int is_little) {
  // Wide integers repeat the sign in the bytes beyond the eighth.
  // What has no 64-bit integer at all, NaN included, is stored as the processor's "no integer".
  uint64_t value = 1ull << 63;
  if (number >= -9223372036854775808.0 && number < 0) value = (uint64_t)(int64_t)number;
  else if (number >= 0 && number < 18446744073709551616.0) value = (uint64_t)number;
  unsigned char fill = number < 0 ? 0xFF : 0;
  char bytes[integer_bytes_max];
  for (size_t index = 0; index < size; index++) {
    unsigned char byte = index < 8 ? (unsigned char)(value >> (8 * index)) : fill;
    bytes[is_little ? index : size - 1 - index] = (char)byte;
  }
  luaL_addlstring(out, bytes, size);
}

static void add_reversible(luaL_Buffer *out, const void *value, size_t size, int is_little) {
  char bytes[8];
  memcpy(bytes, value, size);
  if (is_little != native_is_little()) {
    for (size_t low = 0, high = size - 1; low < high; low++, high--) {
      char swapped = bytes[low];
      bytes[low] = bytes[high];
      bytes[high] = swapped;
    }
  }
  luaL_addlstring(out, bytes, size);
}

static int struct_pack(lua_State *lua) {
  const char *format = luaL_checkstring(lua, 1);
  struct layout layout = {native_is_little(), alignment_default};
  // The buffer puts its pieces on the stack: reading past the last argument would find them.
  int last = lua_gettop(lua), argument = 1;
  lua_pushnil(lua);
  size_t total = 0;
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  while (*format) {
    char option = *format++;
    if (apply_layout(lua, option, &format, &layout)) continue;
    size_t size = option_size(lua, option, &format);
    size_t gap = padding(total, size, option, &layout);
    for (size_t index = 0; index < gap; index++) luaL_addchar(&out, 0);
    total += gap;
    if (option != 'x' && argument <= last) argument++;
    switch (option) {
    case 'x': luaL_addchar(&out, 0); break;
    case 'b':
    case 'B':
    case 'h':
    case 'H':
    case 'l':
    case 'L':
    case 'T':
    case 'i':
    case 'I': add_integer(&out, luaL_checknumber(lua, argument), size, layout.is_little); break;
    case 'f': {
      float number = (float)luaL_checknumber(lua, argument);
      add_reversible(&out, &number, sizeof number, layout.is_little);
      break;
    }
    case 'd': {
      double number = luaL_checknumber(lua, argument);
      add_reversible(&out, &number, sizeof number, layout.is_little);
      break;
    }
    case 'c':
    case 's': {
      size_t count;
      const char *text = luaL_checklstring(lua, argument, &count);
      if (option == 's' || size == 0) size = count;
      // One too high, as scripts that match on the text know it.
      luaL_argcheck(lua, count >= size, argument + 1, "string too short");
      luaL_addlstring(&out, text, size);
      if (option == 's') {
        luaL_addchar(&out, 0);
        size++;
      }
      break;
    }
    default: return refuse_option(lua, option);
    }
    total += size;
  }
  luaL_pushresult(&out);
  return 1;
}

static lua_Number read_integer(const char *bytes, size_t size, int is_little, int is_signed) {
  uint64_t value = 0;
  size_t used = size < 8 ? size : 8;
  for (size_t index = used; index > 0; index--) {
    size_t offset = is_little ? index - 1 : size - index;
    value = value << 8 | (unsigned char)bytes[offset];
  }
  if (!is_signed) return (lua_Number)value;
  if (used > 0 && used < 8 && value >> (used * 8 - 1) & 1) value |= ~0ull << (used * 8);
  return (lua_Number)(int64_t)value;
}

static void read_reversible(void *value, const char *bytes, size_t size, int is_little) {
  char *target = value;
  for (size_t index = 0; index < size; index++) {
    target[index] = bytes[is_little == native_is_little() ? index : size - 1 - index];
  }
}

static int struct_unpack(lua_State *lua) {
  const char *format = luaL_checkstring(lua, 1);
  size_t count;
  const char *data = luaL_checklstring(lua, 2, &count);
  lua_Integer start = luaL_optinteger(lua, 3, 1);
  luaL_argcheck(lua, start > 0, 3, "offset must be 1 or greater");
  size_t position = (size_t)start - 1;
  struct layout layout = {native_is_little(), alignment_default};
  int results = 0;
  lua_settop(lua, 2);
  while (*format) {
    char option = *format++;
    if (apply_layout(lua, option, &format, &layout)) continue;
    size_t size = option_size(lua, option, &format);
    position += padding(position, size, option, &layout);
    luaL_argcheck(lua, position <= count && size <= count - position, 2, "data string too short");
    luaL_checkstack(lua, 2, "too many results");
    const char *bytes = data + position;
    switch (option) {
    case 'x': break;
    case 'b':
    case 'h':
    case 'l':
    case 'i': lua_pushnumber(lua, read_integer(bytes, size, layout.is_little, 1)); break;
    case 'B':
    case 'H':
    case 'L':
    case 'T':
    case 'I': lua_pushnumber(lua, read_integer(bytes, size, layout.is_little, 0)); break;
    case 'f': {
      float number;
      read_reversible(&number, bytes, sizeof number, layout.is_little);
      lua_pushnumber(lua, number);
      break;
    }
    case 'd': {
      double number;
      read_reversible(&number, bytes, sizeof number, layout.is_little);
      lua_pushnumber(lua, number);
      break;
    }
    case 'c':
      if (size == 0) {
        if (results == 0 || !lua_isnumber(lua, -1)) return luaL_error(lua, "format 'c0' needs a previous size");
        lua_Number wanted = lua_tonumber(lua, -1);
        lua_pop(lua, 1);
        results--;
        luaL_argcheck(lua, wanted >= 0 && wanted <= (lua_Number)(count - position), 2, "data string too short");
        size = (size_t)wanted;
      }
      lua_pushlstring(lua, bytes, size);
      break;
    case 's': {
      const char *end = memchr(bytes, 0, count - position);
      if (!end) return luaL_error(lua, "unfinished string in data");
      size = (size_t)(end - bytes) + 1;
      lua_pushlstring(lua, bytes, size - 1);
      break;
    }
    default: return refuse_option(lua, option);
    }
    if (option != 'x') results++;
    position += size;
  }
  lua_pushinteger(lua, (lua_Integer)position + 1);
  return results + 1;
}

static int struct_size(lua_State *lua) {
  const char *format = luaL_checkstring(lua, 1);
  struct layout layout = {native_is_little(), alignment_default};
  size_t position = 0;
  while (*format) {
    char option = *format++;
    if (apply_layout(lua, option, &format, &layout)) continue;
    size_t size = option_size(lua, option, &format);
    if (option == 's') luaL_argerror(lua, 1, "option 's' has no fixed size");
    if (option == 'c' && size == 0) luaL_argerror(lua, 1, "option 'c0' has no fixed size");
    if (!strchr("bBhHlLTfdxciI", option)) return refuse_option(lua, option);
    position += padding(position, size, option, &layout) + size;
  }
  lua_pushnumber(lua, (lua_Number)position);
  return 1;
}

int open_struct(lua_State *lua) {
  static const luaL_Reg functions[] = {
      {"pack", struct_pack}, {"unpack", struct_unpack}, {"size", struct_size}, {NULL, NULL}};
  lua_newtable(lua);
  luaL_register(lua, NULL, functions);
  return 1;
}
