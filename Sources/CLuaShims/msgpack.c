// Library `cmsgpack`: MessagePack, every value in its shortest form.
// A number without fraction becomes an integer, a table whose keys are 1…n an array. Tables deeper than the
// limit are packed as nil, as scripts written for Redis expect. Source: msgpack.org's specification.
#include "internal.h"

#include <math.h>
#include <string.h>

enum { nesting_max = 16 };

// MARK: Packing

static void append_big_endian(luaL_Buffer *out, char head, uint64_t value, int bytes) {
  luaL_addchar(out, head);
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) luaL_addchar(out, (char)(value >> shift));
}

static void pack_integer(luaL_Buffer *out, int64_t value) {
  if (value >= 0) {
    if (value <= 127) luaL_addchar(out, (char)value);
    else if (value <= 0xFF) append_big_endian(out, (char)0xCC, (uint64_t)value, 1);
    else if (value <= 0xFFFF) append_big_endian(out, (char)0xCD, (uint64_t)value, 2);
    else if (value <= 0xFFFFFFFFLL) append_big_endian(out, (char)0xCE, (uint64_t)value, 4);
    else append_big_endian(out, (char)0xCF, (uint64_t)value, 8);
  } else {
    if (value >= -32) luaL_addchar(out, (char)value);
    else if (value >= -128) append_big_endian(out, (char)0xD0, (uint64_t)value, 1);
    else if (value >= -32768) append_big_endian(out, (char)0xD1, (uint64_t)value, 2);
    else if (value >= -2147483648LL) append_big_endian(out, (char)0xD2, (uint64_t)value, 4);
    else append_big_endian(out, (char)0xD3, (uint64_t)value, 8);
  }
}

static void pack_number(luaL_Buffer *out, double number) {
  if (number >= -9223372036854775808.0 && number < 9223372036854775808.0 && number == floor(number)) {
    return pack_integer(out, (int64_t)number);
  }
  float narrow = (float)number;
  if ((double)narrow == number) {
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    append_big_endian(out, (char)0xCA, bits, 4);
  } else {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    append_big_endian(out, (char)0xCB, bits, 8);
  }
}

static void pack_length(luaL_Buffer *out, size_t count, int fixed_head, size_t fixed_max, int head8, int head16, int head32) {
  if (count <= fixed_max) luaL_addchar(out, (char)(fixed_head | (int)count));
  else if (head8 && count <= 0xFF) append_big_endian(out, (char)head8, count, 1);
  else if (count <= 0xFFFF) append_big_endian(out, (char)head16, count, 2);
  else append_big_endian(out, (char)head32, count, 4);
}

/// Whether the keys are 1…n; `count` is the number of entries in any case.
static int is_array(lua_State *lua, int table, size_t *count) {
  double highest = 0;
  int whole = 1;
  *count = 0;
  lua_pushnil(lua);
  while (lua_next(lua, table)) {
    lua_pop(lua, 1);
    ++*count;
    double key = lua_type(lua, -1) == LUA_TNUMBER ? lua_tonumber(lua, -1) : 0;
    if (!(key >= 1) || key != floor(key)) whole = 0;
    else if (key > highest) highest = key;
  }
  return whole && highest == (double)*count;
}

/// Appends a value that is no table, from stack index `index`. A `luaL_Buffer` keeps pieces on the stack, so
/// values are always named by absolute index.
static void pack_scalar(lua_State *lua, luaL_Buffer *out, int index) {
  switch (lua_type(lua, index)) {
  case LUA_TSTRING: {
    size_t count;
    const char *text = lua_tolstring(lua, index, &count);
    pack_length(out, count, 0xA0, 31, 0xD9, 0xDA, 0xDB);
    luaL_addlstring(out, text, count);
    break;
  }
  case LUA_TBOOLEAN: luaL_addchar(out, (char)(lua_toboolean(lua, index) ? 0xC3 : 0xC2)); break;
  case LUA_TNUMBER: pack_number(out, lua_tonumber(lua, index)); break;
  default: luaL_addchar(out, (char)0xC0);
  }
}

/// A table is packed into a string of its own first, since its walk needs the stack that the buffer uses.
static void push_packed(lua_State *lua, int index, int nesting);

static void push_packed_table(lua_State *lua, int index, int nesting) {
  luaL_checkstack(lua, 12, "in function pack");
  size_t count;
  int array = is_array(lua, index, &count);
  lua_newtable(lua);
  int parts = lua_gettop(lua);
  int part = 0;
  if (array) {
    for (size_t item = 1; item <= count; item++) {
      lua_rawgeti(lua, index, (int)item);
      push_packed(lua, lua_gettop(lua), nesting + 1);
      lua_rawseti(lua, parts, ++part);
      lua_settop(lua, parts);
    }
  } else {
    lua_pushnil(lua);
    while (lua_next(lua, index)) {
      int key = parts + 1;
      push_packed(lua, key, nesting + 1);
      lua_rawseti(lua, parts, ++part);
      push_packed(lua, key + 1, nesting + 1);
      lua_rawseti(lua, parts, ++part);
      lua_settop(lua, key);
    }
  }
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  if (array) pack_length(&out, count, 0x90, 15, 0, 0xDC, 0xDD);
  else pack_length(&out, count, 0x80, 15, 0, 0xDE, 0xDF);
  for (int item = 1; item <= part; item++) {
    lua_rawgeti(lua, parts, item);
    luaL_addvalue(&out);
  }
  luaL_pushresult(&out);
  lua_replace(lua, parts);
  lua_settop(lua, parts);
}

static void push_packed(lua_State *lua, int index, int nesting) {
  host_charge(host_of(lua), lua, 16);
  luaL_checkstack(lua, 6, "in function pack");
  if (lua_type(lua, index) == LUA_TTABLE && nesting < nesting_max) return push_packed_table(lua, index, nesting);
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  pack_scalar(lua, &out, index);
  luaL_pushresult(&out);
}

static int msgpack_pack(lua_State *lua) {
  int count = lua_gettop(lua);
  if (count == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  luaL_checkstack(lua, count + 8, "Too many arguments for MessagePack pack.");
  for (int index = 1; index <= count; index++) push_packed(lua, index, 0);
  lua_concat(lua, count);
  return 1;
}

// MARK: Unpacking

struct reader {
  lua_State *lua;
  const unsigned char *position;
  const unsigned char *end;
};

static void need(struct reader *reader, uint64_t count) {
  if ((uint64_t)(reader->end - reader->position) < count) luaL_error(reader->lua, "Missing bytes in input.");
}

static uint64_t read_big_endian(struct reader *reader, int bytes) {
  need(reader, (uint64_t)bytes);
  uint64_t value = 0;
  while (bytes--) value = value << 8 | *reader->position++;
  return value;
}

static void unpack_value(struct reader *reader);

static void unpack_string(struct reader *reader, uint64_t count) {
  need(reader, count);
  lua_pushlstring(reader->lua, (const char *)reader->position, (size_t)count);
  reader->position += count;
}

static void unpack_array(struct reader *reader, uint64_t count) {
  lua_State *lua = reader->lua;
  luaL_checkstack(lua, 4, "in function unpack");
  lua_newtable(lua);
  for (uint64_t index = 1; index <= count; index++) {
    unpack_value(reader);
    lua_rawseti(lua, -2, (int)index);
  }
}

static void unpack_map(struct reader *reader, uint64_t count) {
  lua_State *lua = reader->lua;
  luaL_checkstack(lua, 4, "in function unpack");
  lua_newtable(lua);
  while (count--) {
    unpack_value(reader);
    unpack_value(reader);
    // Raises for keys that no table takes: nil and NaN.
    lua_settable(lua, -3);
  }
}

static void unpack_value(struct reader *reader) {
  lua_State *lua = reader->lua;
  host_charge(host_of(lua), lua, 8);
  luaL_checkstack(lua, 4, "in function unpack");
  need(reader, 1);
  unsigned head = *reader->position++;
  if (head < 0x80) return lua_pushnumber(lua, head);
  if (head >= 0xE0) return lua_pushnumber(lua, (int)head - 256);
  if (head < 0x90) return unpack_map(reader, head & 15);
  if (head < 0xA0) return unpack_array(reader, head & 15);
  if (head < 0xC0) return unpack_string(reader, head & 31);
  switch (head) {
  case 0xC0: return lua_pushnil(lua);
  case 0xC2: return lua_pushboolean(lua, 0);
  case 0xC3: return lua_pushboolean(lua, 1);
  case 0xCA: {
    uint32_t bits = (uint32_t)read_big_endian(reader, 4);
    float number;
    memcpy(&number, &bits, sizeof number);
    return lua_pushnumber(lua, number);
  }
  case 0xCB: {
    uint64_t bits = read_big_endian(reader, 8);
    double number;
    memcpy(&number, &bits, sizeof number);
    return lua_pushnumber(lua, number);
  }
  case 0xCC: return lua_pushnumber(lua, (lua_Number)read_big_endian(reader, 1));
  case 0xCD: return lua_pushnumber(lua, (lua_Number)read_big_endian(reader, 2));
  case 0xCE: return lua_pushnumber(lua, (lua_Number)read_big_endian(reader, 4));
  // Above 2⁶³ − 1 it turns negative: known behaviour, which packing relies on for round trips.
  case 0xCF: return lua_pushnumber(lua, (lua_Number)(int64_t)read_big_endian(reader, 8));
  case 0xD0: return lua_pushnumber(lua, (int8_t)read_big_endian(reader, 1));
  case 0xD1: return lua_pushnumber(lua, (int16_t)read_big_endian(reader, 2));
  case 0xD2: return lua_pushnumber(lua, (int32_t)read_big_endian(reader, 4));
  case 0xD3: return lua_pushnumber(lua, (lua_Number)(int64_t)read_big_endian(reader, 8));
  case 0xD9: return unpack_string(reader, read_big_endian(reader, 1));
  case 0xDA: return unpack_string(reader, read_big_endian(reader, 2));
  case 0xDB: return unpack_string(reader, read_big_endian(reader, 4));
  case 0xDC: return unpack_array(reader, read_big_endian(reader, 2));
  case 0xDD: return unpack_array(reader, read_big_endian(reader, 4));
  case 0xDE: return unpack_map(reader, read_big_endian(reader, 2));
  case 0xDF: return unpack_map(reader, read_big_endian(reader, 4));
  default: luaL_error(lua, "Bad data format in input.");
  }
}

/// Up to `limit` values (0: all) from `offset` on. With a limit, where the rest begins comes first; -1 when
/// there is none.
static int unpack_values(lua_State *lua, int limit, int offset, int tells_offset) {
  size_t count;
  const unsigned char *bytes = (const unsigned char *)luaL_checklstring(lua, 1, &count);
  if (offset < 0 || limit < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.", offset, (int)count);
  }
  if ((size_t)offset > count) {
    return luaL_error(lua, "Start offset %d greater than input length %d.", offset, (int)count);
  }
  struct reader reader = {lua, bytes + offset, bytes + count};
  int unpacked = 0;
  while (reader.position < reader.end && (limit == 0 || unpacked < limit)) {
    unpack_value(&reader);
    unpacked++;
  }
  if (!tells_offset) return unpacked;
  luaL_checkstack(lua, 1, "in function unpack");
  lua_pushinteger(lua, reader.position < reader.end ? reader.position - bytes : -1);
  lua_insert(lua, -(unpacked + 1));
  return unpacked + 1;
}

static int msgpack_unpack(lua_State *lua) { return unpack_values(lua, 0, 0, 0); }

static int msgpack_unpack_one(lua_State *lua) {
  return unpack_values(lua, 1, (int)luaL_optinteger(lua, 2, 0), 1);
}

static int msgpack_unpack_limit(lua_State *lua) {
  int limit = (int)luaL_checkinteger(lua, 2);
  return unpack_values(lua, limit, (int)luaL_optinteger(lua, 3, 0), 1);
}

int open_msgpack(lua_State *lua) {
  static const luaL_Reg functions[] = {{"pack", msgpack_pack},
                                       {"unpack", msgpack_unpack},
                                       {"unpack_one", msgpack_unpack_one},
                                       {"unpack_limit", msgpack_unpack_limit},
                                       {NULL, NULL}};
  lua_newtable(lua);
  luaL_register(lua, NULL, functions);
  lua_pushliteral(lua, "cmsgpack");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "lua-cmsgpack 0.4.0");
  lua_setfield(lua, -2, "_VERSION");
  return 1;
}
