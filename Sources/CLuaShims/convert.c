// Between RESP and Lua values, both ways.
//
//     RESP                      Lua
//     integer                   number
//     bulk string               string
//     simple string             {ok = string}
//     error                     {err = string}
//     array                     table, counted from 1
//     null                      false in RESP 2, nil in RESP 3
//     boolean                   boolean
//     double                    {double = number}
//     map, set                  {map = {k = v}}, {set = {k = true}}
//     big number                {big_number = string}
//     verbatim string           {verbatim_string = {format = string, string = string}}
//
// The way back is the same, except that a number becomes an integer by truncation, `true` and `false`
// become 1 and null unless the script has chosen RESP 3, and what has no counterpart becomes null.
// All of it runs below a protected call.
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// MARK: RESP → Lua

struct reader {
  const char *position;
  const char *end;
};

/// The rest of the line: its length without CR LF. Replies come from our own writer, so a malformed one is a bug.
static const char *read_line(lua_State *lua, struct reader *reader, size_t *count) {
  const char *start = reader->position;
  const char *stop = memchr(start, '\r', (size_t)(reader->end - start));
  if (!stop || reader->end - stop < 2) luaL_error(lua, "malformed reply");
  *count = (size_t)(stop - start);
  reader->position = stop + 2;
  return start;
}

static long long read_number(lua_State *lua, struct reader *reader) {
  size_t count;
  const char *text = read_line(lua, reader, &count);
  unsigned long long value = 0;
  int negative = count > 0 && text[0] == '-';
  for (size_t index = negative ? 1 : 0; index < count; index++) value = value * 10 + (unsigned long long)(text[index] - '0');
  return negative ? (long long)(0ull - value) : (long long)value;
}

static const char *read_bulk(lua_State *lua, struct reader *reader, long long count) {
  const char *start = reader->position;
  if (count < 0 || reader->end - start < count + 2) luaL_error(lua, "malformed reply");
  reader->position = start + count + 2;
  return start;
}

static void set_one_field(lua_State *lua, const char *name) {
  // value → {name = value}
  lua_createtable(lua, 0, 1);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, name);
}

static void push_value(lua_State *lua, struct reader *reader) {
  if (reader->position >= reader->end) luaL_error(lua, "malformed reply");
  luaL_checkstack(lua, 6, "reply nested too deeply");
  size_t count;
  const char *text;
  switch (*reader->position++) {
  case ':': lua_pushnumber(lua, (lua_Number)read_number(lua, reader)); break;
  case '$': {
    long long length = read_number(lua, reader);
    if (length < 0) {
      lua_pushboolean(lua, 0);
    } else {
      text = read_bulk(lua, reader, length);
      lua_pushlstring(lua, text, (size_t)length);
    }
    break;
  }
  case '+':
    text = read_line(lua, reader, &count);
    lua_pushlstring(lua, text, count);
    set_one_field(lua, "ok");
    break;
  case '-':
    text = read_line(lua, reader, &count);
    lua_pushlstring(lua, text, count);
    set_one_field(lua, "err");
    break;
  case '*':
  case '>': {
    long long length = read_number(lua, reader);
    if (length < 0) {
      lua_pushboolean(lua, 0);
      break;
    }
    lua_createtable(lua, (int)length, 0);
    for (long long index = 1; index <= length; index++) {
      push_value(lua, reader);
      lua_rawseti(lua, -2, (int)index);
    }
    break;
  }
  case '%': {
    long long length = read_number(lua, reader);
    lua_createtable(lua, 0, (int)length);
    for (long long index = 0; index < length; index++) {
      push_value(lua, reader);
      push_value(lua, reader);
      lua_rawset(lua, -3);
    }
    set_one_field(lua, "map");
    break;
  }
  case '~': {
    long long length = read_number(lua, reader);
    lua_createtable(lua, 0, (int)length);
    for (long long index = 0; index < length; index++) {
      push_value(lua, reader);
      lua_pushboolean(lua, 1);
      lua_rawset(lua, -3);
    }
    set_one_field(lua, "set");
    break;
  }
  case '_':
    read_line(lua, reader, &count);
    lua_pushnil(lua);
    break;
  case '#':
    text = read_line(lua, reader, &count);
    lua_pushboolean(lua, count > 0 && text[0] == 't');
    break;
  case ',':
    text = read_line(lua, reader, &count);
    lua_pushlstring(lua, text, count);
    // `tonumber` of Lua knows "inf" and "nan" by way of strtod, as the reply writes them.
    lua_pushnumber(lua, lua_tonumber(lua, -1));
    lua_remove(lua, -2);
    set_one_field(lua, "double");
    break;
  case '(':
    text = read_line(lua, reader, &count);
    lua_pushlstring(lua, text, count);
    set_one_field(lua, "big_number");
    break;
  case '=': {
    long long length = read_number(lua, reader);
    text = read_bulk(lua, reader, length);
    if (length < 4) luaL_error(lua, "malformed reply");
    lua_createtable(lua, 0, 2);
    lua_pushlstring(lua, text, 3);
    lua_setfield(lua, -2, "format");
    lua_pushlstring(lua, text + 4, (size_t)length - 4);
    lua_setfield(lua, -2, "string");
    set_one_field(lua, "verbatim_string");
    break;
  }
  default: luaL_error(lua, "malformed reply");
  }
}

void push_reply(lua_State *lua, taskd_lua_bytes reply) {
  struct reader reader = {reply.base, (const char *)reply.base + reply.count};
  push_value(lua, &reader);
}

// MARK: Lua → RESP

/// From `start` on, up to a closing line break, line breaks become spaces.
static void blank_line_breaks(host_buffer *buffer, size_t start) {
  for (size_t index = start; index + 2 < buffer->count; index++) {
    if (buffer->base[index] == '\r' || buffer->base[index] == '\n') buffer->base[index] = ' ';
  }
}

/// A value that is one line.
static void append_line(host_buffer *buffer, char prefix, const char *text, size_t count) {
  buffer_append_byte(buffer, prefix);
  size_t start = buffer->count;
  buffer_append(buffer, text, count);
  buffer_append(buffer, "\r\n", 2);
  blank_line_breaks(buffer, start);
}

void append_error(host_buffer *buffer, const char *text, size_t count) {
  while (count && (text[count - 1] == '\r' || text[count - 1] == '\n')) count--;
  append_line(buffer, '-', text, count);
}

static void append_bulk(host_buffer *buffer, const char *text, size_t count) {
  buffer_append_head(buffer, '$', (long long)count);
  buffer_append(buffer, text, count);
  buffer_append(buffer, "\r\n", 2);
}

static void append_null(taskd_lua *host) {
  buffer_append_text(&host->reply, host->run->client_resp_version >= 3 ? "_\r\n" : "$-1\r\n");
}

static void append_boolean(taskd_lua *host, int value) {
  if (host->run->client_resp_version >= 3) buffer_append_text(&host->reply, value ? "#t\r\n" : "#f\r\n");
  else buffer_append_text(&host->reply, value ? ":1\r\n" : ":0\r\n");
}

static void append_double(taskd_lua *host, double value) {
  char text[64];
  int length;
  if (isnan(value)) length = snprintf(text, sizeof text, "nan");
  else if (isinf(value)) length = snprintf(text, sizeof text, value > 0 ? "inf" : "-inf");
  else length = snprintf(text, sizeof text, "%.17g", value);
  if (host->run->client_resp_version >= 3) {
    buffer_append_byte(&host->reply, ',');
    buffer_append(&host->reply, text, (size_t)length);
    buffer_append(&host->reply, "\r\n", 2);
  } else {
    append_bulk(&host->reply, text, (size_t)length);
  }
}

/// Pushes the table's field when it is there and of the type; otherwise pushes nothing.
static int push_field(lua_State *lua, int table, const char *name, int type) {
  lua_pushstring(lua, name);
  lua_rawget(lua, table);
  if (lua_type(lua, -1) == type) return 1;
  lua_pop(lua, 1);
  return 0;
}

static void append_nested(taskd_lua *host, lua_State *lua, int depth);

static int count_pairs(lua_State *lua, int table) {
  int count = 0;
  lua_pushnil(lua);
  while (lua_next(lua, table)) {
    lua_pop(lua, 1);
    count++;
  }
  return count;
}

/// The table at the top as a map or, with keys alone, as a set.
static void append_pairs(taskd_lua *host, lua_State *lua, int depth, int is_map) {
  int table = lua_gettop(lua);
  int count = count_pairs(lua, table);
  if (host->run->client_resp_version >= 3) buffer_append_head(&host->reply, is_map ? '%' : '~', count);
  else buffer_append_head(&host->reply, '*', is_map ? count * 2LL : count);
  lua_pushnil(lua);
  while (lua_next(lua, table)) {
    lua_pushvalue(lua, -2);
    append_nested(host, lua, depth + 1);
    if (is_map) append_nested(host, lua, depth + 1);
    else lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
}

static int append_tagged(taskd_lua *host, lua_State *lua, int table, int depth) {
  host_buffer *out = &host->reply;
  size_t count;
  const char *text;
  if (push_field(lua, table, "err", LUA_TSTRING)) {
    text = lua_tolstring(lua, -1, &count);
    append_error(out, text, count);
  } else if (push_field(lua, table, "ok", LUA_TSTRING)) {
    text = lua_tolstring(lua, -1, &count);
    append_line(out, '+', text, count);
  } else if (push_field(lua, table, "double", LUA_TNUMBER)) {
    append_double(host, lua_tonumber(lua, -1));
  } else if (push_field(lua, table, "map", LUA_TTABLE)) {
    append_pairs(host, lua, depth, 1);
    return 1;
  } else if (push_field(lua, table, "set", LUA_TTABLE)) {
    append_pairs(host, lua, depth, 0);
    return 1;
  } else if (push_field(lua, table, "big_number", LUA_TSTRING)) {
    text = lua_tolstring(lua, -1, &count);
    if (host->run->client_resp_version >= 3) {
      append_line(out, '(', text, count);
    } else {
      append_bulk(out, text, count);
      blank_line_breaks(out, out->count - count - 2);
    }
  } else if (push_field(lua, table, "verbatim_string", LUA_TTABLE)) {
    int verbatim = lua_gettop(lua);
    if (!push_field(lua, verbatim, "format", LUA_TSTRING) || !push_field(lua, verbatim, "string", LUA_TSTRING)) {
      lua_settop(lua, verbatim - 1);
      return 0;
    }
    text = lua_tolstring(lua, -1, &count);
    if (host->run->client_resp_version >= 3) {
      // Exactly three characters name the format.
      char format[3] = {' ', ' ', ' '};
      size_t length;
      const char *name = lua_tolstring(lua, -2, &length);
      memcpy(format, name, length < 3 ? length : 3);
      buffer_append_head(out, '=', (long long)count + 4);
      buffer_append(out, format, 3);
      buffer_append_byte(out, ':');
      buffer_append(out, text, count);
      buffer_append(out, "\r\n", 2);
    } else {
      append_bulk(out, text, count);
    }
    lua_settop(lua, verbatim - 1);
    return 1;
  } else {
    return 0;
  }
  lua_pop(lua, 1);
  return 1;
}

static void append_table(taskd_lua *host, lua_State *lua, int depth) {
  int table = lua_gettop(lua);
  if (append_tagged(host, lua, table, depth)) return;
  int count = 0;
  for (;;) {
    lua_rawgeti(lua, table, count + 1);
    int ended = lua_isnil(lua, -1);
    lua_pop(lua, 1);
    if (ended) break;
    count++;
  }
  buffer_append_head(&host->reply, '*', count);
  for (int index = 1; index <= count; index++) {
    lua_rawgeti(lua, table, index);
    append_nested(host, lua, depth + 1);
  }
}

/// Raises when the reply with `more` bytes would be larger than it may be: one string can be in it many times.
static void check_room(taskd_lua *host, lua_State *lua, size_t more) {
  if (host->reply.count > host->limits.text_bytes_max || more > host->limits.text_bytes_max - host->reply.count) {
    luaL_error(lua, "the script's reply is too large");
  }
}

static void append_nested(taskd_lua *host, lua_State *lua, int depth) {
  check_room(host, lua, 0);
  host_charge(host, lua, 4);
  if (depth > host->limits.reply_depth_max || !lua_checkstack(lua, 8)) {
    buffer_append_text(&host->reply, "-ERR reached lua stack limit\r\n");
    lua_pop(lua, 1);
    return;
  }
  size_t count;
  const char *text;
  switch (lua_type(lua, -1)) {
  case LUA_TSTRING:
    text = lua_tolstring(lua, -1, &count);
    check_room(host, lua, count);
    append_bulk(&host->reply, text, count);
    break;
  case LUA_TBOOLEAN:
    if (host->script_resp_version >= 3) append_boolean(host, lua_toboolean(lua, -1));
    else if (lua_toboolean(lua, -1)) buffer_append_text(&host->reply, ":1\r\n");
    else append_null(host);
    break;
  case LUA_TNUMBER: {
    lua_Number number = lua_tonumber(lua, -1);
    // Out of range and NaN have no integer; Redis shows what the processor makes of them.
    int fits = number >= -9223372036854775808.0 && number < 9223372036854775808.0;
    buffer_append_head(&host->reply, ':', fits ? (long long)number : (-9223372036854775807LL - 1));
    break;
  }
  case LUA_TTABLE: append_table(host, lua, depth); break;
  default: append_null(host);
  }
  lua_pop(lua, 1);
}

void append_value(taskd_lua *host, lua_State *lua) { append_nested(host, lua, 0); }
