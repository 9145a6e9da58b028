// `cjson.encode`: a Lua value as JSON text.
// Next: json_decode.c.
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void encode_value(lua_State *lua, const json_config *config, host_buffer *out, int depth);

/// Every error leaves through here: the text so far lives outside of Lua's memory.
static void fail_encoding(lua_State *lua, host_buffer *out, int index, const char *reason) {
  (void)out;
  luaL_error(lua, "Cannot serialise %s: %s", luaL_typename(lua, index), reason);
}

/// The text grows outside of Lua's memory, and one string can be in it many times.
static void check_room(lua_State *lua, host_buffer *out, int index, size_t more) {
  size_t most = host_of(lua)->limits.text_bytes_max;
  if (out->count > most || more > most - out->count) fail_encoding(lua, out, index, "the text is too large");
}

static void encode_string(lua_State *lua, host_buffer *out, int index) {
  size_t count;
  const char *text = lua_tolstring(lua, index, &count);
  check_room(lua, out, index, count);
  host_charge(host_of(lua), lua, count / 4);
  buffer_reserve(out, count + 2);
  buffer_append_byte(out, '"');
  size_t start = 0;
  for (size_t position = 0; position < count; position++) {
    unsigned char byte = (unsigned char)text[position];
    char escape[8];
    const char *replacement = escape;
    switch (byte) {
    case '"': replacement = "\\\""; break;
    case '\\': replacement = "\\\\"; break;
    case '/': replacement = "\\/"; break;
    case '\b': replacement = "\\b"; break;
    case '\t': replacement = "\\t"; break;
    case '\n': replacement = "\\n"; break;
    case '\f': replacement = "\\f"; break;
    case '\r': replacement = "\\r"; break;
    default:
      if (byte >= 32 && byte != 127) continue;
      snprintf(escape, sizeof escape, "\\u%04x", byte);
    }
    check_room(lua, out, index, position - start);
    buffer_append(out, text + start, position - start);
    buffer_append_text(out, replacement);
    start = position + 1;
  }
  buffer_append(out, text + start, count - start);
  buffer_append_byte(out, '"');
}

static void append_precise(host_buffer *out, const json_config *config, double number) {
  char text[64];
  int length = snprintf(text, sizeof text, "%.*g", config->encode_precision, number);
  buffer_append(out, text, (size_t)length);
}

static void encode_number(lua_State *lua, const json_config *config, host_buffer *out, int index) {
  double number = lua_tonumber(lua, index);
  if (isfinite(number)) return append_precise(out, config, number);
  switch (config->encode_invalid_numbers) {
  case 1: buffer_append_text(out, isnan(number) ? "nan" : number > 0 ? "inf" : "-inf"); break;
  case 2: buffer_append_text(out, "null"); break;
  default: fail_encoding(lua, out, index, "must not be NaN or Inf");
  }
}

/// The highest index when the table at the top has whole positive keys only, else -1.
static int array_length(lua_State *lua, const json_config *config, host_buffer *out) {
  double highest = 0;
  int items = 0;
  lua_pushnil(lua);
  while (lua_next(lua, -2)) {
    double key = lua_type(lua, -2) == LUA_TNUMBER ? lua_tonumber(lua, -2) : 0;
    if (!(key >= 1) || key != floor(key) || key > INT32_MAX) {
      lua_pop(lua, 2);
      return -1;
    }
    if (key > highest) highest = key;
    items++;
    lua_pop(lua, 1);
  }
  if (config->sparse_ratio > 0 && highest > (double)items * config->sparse_ratio && highest > config->sparse_safe) {
    if (!config->sparse_converts) fail_encoding(lua, out, -1, "excessively sparse array");
    return -1;
  }
  return (int)highest;
}

static void encode_object(lua_State *lua, const json_config *config, host_buffer *out, int depth) {
  buffer_append_byte(out, '{');
  int is_first = 1;
  lua_pushnil(lua);
  while (lua_next(lua, -2)) {
    if (!is_first) buffer_append_byte(out, ',');
    is_first = 0;
    switch (lua_type(lua, -2)) {
    case LUA_TSTRING: encode_string(lua, out, -2); break;
    case LUA_TNUMBER:
      buffer_append_byte(out, '"');
      encode_number(lua, config, out, -2);
      buffer_append_byte(out, '"');
      break;
    default: fail_encoding(lua, out, -2, "table key must be a number or string");
    }
    buffer_append_byte(out, ':');
    encode_value(lua, config, out, depth);
    lua_pop(lua, 1);
  }
  buffer_append_byte(out, '}');
}

static void encode_table(lua_State *lua, const json_config *config, host_buffer *out, int depth) {
  if (depth > config->encode_depth_max || !lua_checkstack(lua, 4)) {
    luaL_error(lua, "Cannot serialise, excessive nesting (%d)", depth);
  }
  int length = array_length(lua, config, out);
  if (length <= 0) return encode_object(lua, config, out, depth);
  buffer_append_byte(out, '[');
  for (int index = 1; index <= length; index++) {
    if (index > 1) buffer_append_byte(out, ',');
    lua_rawgeti(lua, -1, index);
    encode_value(lua, config, out, depth);
    lua_pop(lua, 1);
  }
  buffer_append_byte(out, ']');
}

/// The value at the top, which stays there.
static void encode_value(lua_State *lua, const json_config *config, host_buffer *out, int depth) {
  host_charge(host_of(lua), lua, 8);
  check_room(lua, out, -1, 0);
  switch (lua_type(lua, -1)) {
  case LUA_TSTRING: encode_string(lua, out, -1); break;
  case LUA_TNUMBER: encode_number(lua, config, out, -1); break;
  case LUA_TBOOLEAN: buffer_append_text(out, lua_toboolean(lua, -1) ? "true" : "false"); break;
  case LUA_TTABLE: encode_table(lua, config, out, depth + 1); break;
  case LUA_TNIL: buffer_append_text(out, "null"); break;
  case LUA_TLIGHTUSERDATA:
    if (!lua_touserdata(lua, -1)) {
      buffer_append_text(out, "null");
      break;
    }
    // fall through
  default: fail_encoding(lua, out, -1, "type not supported");
  }
}

int json_encode(lua_State *lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  host_buffer *out = json_push_buffer(lua);
  lua_pushvalue(lua, 1);
  encode_value(lua, json_config_of(lua), out, 0);
  lua_pushlstring(lua, out->base ? out->base : "", out->count);
  free(out->base);
  out->base = NULL;
  return 1;
}
