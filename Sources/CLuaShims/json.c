// Library `cjson`: JSON text to Lua values and back, with the settings and the texts of errors that scripts
// written for Redis know (they match on some of them).
//
// Settings belong to a module object. The one that scripts see as `cjson` is set back before every run;
// `cjson.new()` makes another.
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct json_config {
  int sparse_converts;
  int sparse_ratio;
  int sparse_safe;
  int encode_depth_max;
  int decode_depth_max;
  int encode_precision;
  /// 0: error, 1: as they are, 2: null.
  int encode_invalid_numbers;
  int decode_invalid_numbers;
  int keeps_buffer;
};

void json_reset(json_config *config) {
  *config = (json_config){.sparse_ratio = 2,
                          .sparse_safe = 10,
                          .encode_depth_max = 1000,
                          .decode_depth_max = 1000,
                          .encode_precision = 14,
                          .decode_invalid_numbers = 1,
                          .keeps_buffer = 1};
}

static json_config *config_of(lua_State *lua) { return lua_touserdata(lua, lua_upvalueindex(1)); }

// MARK: Encoding

static void encode_value(lua_State *lua, const json_config *config, host_buffer *out, int depth);

/// Every error leaves through here: the text so far lives outside of Lua's memory.
static void fail_encoding(lua_State *lua, host_buffer *out, int index, const char *reason) {
  (void)out;
  luaL_error(lua, "Cannot serialise %s: %s", luaL_typename(lua, index), reason);
}

static void encode_string(lua_State *lua, host_buffer *out, int index) {
  size_t count;
  const char *text = lua_tolstring(lua, index, &count);
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

/// The buffer is a userdatum's, so that an error frees it with the garbage.
static int free_buffer(lua_State *lua) {
  host_buffer *buffer = lua_touserdata(lua, 1);
  free(buffer->base);
  buffer->base = NULL;
  return 0;
}

static host_buffer *push_buffer(lua_State *lua) {
  host_buffer *buffer = lua_newuserdata(lua, sizeof *buffer);
  memset(buffer, 0, sizeof *buffer);
  if (luaL_newmetatable(lua, "taskd.buffer")) {
    lua_pushcfunction(lua, free_buffer);
    lua_setfield(lua, -2, "__gc");
  }
  lua_setmetatable(lua, -2);
  return buffer;
}

static int json_encode(lua_State *lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  host_buffer *out = push_buffer(lua);
  lua_pushvalue(lua, 1);
  encode_value(lua, config_of(lua), out, 0);
  lua_pushlstring(lua, out->base ? out->base : "", out->count);
  free(out->base);
  out->base = NULL;
  return 1;
}

// MARK: Decoding

enum token_kind {
  token_object_begin,
  token_object_end,
  token_array_begin,
  token_array_end,
  token_string,
  token_number,
  token_boolean,
  token_null,
  token_colon,
  token_comma,
  token_end,
  token_error
};

static const char *const token_names[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END",
                                          "T_STRING",    "T_NUMBER",  "T_BOOLEAN",   "T_NULL",
                                          "T_COLON",     "T_COMMA",   "T_END",       "T_ERROR"};

struct token {
  enum token_kind kind;
  /// Where it stands, from 0.
  size_t position;
  double number;
  int boolean;
  /// Decoded bytes of a string, in the parser's buffer; or why it is an error.
  const char *text;
  size_t count;
};

struct parser {
  lua_State *lua;
  const json_config *config;
  const char *start;
  const char *position;
  const char *end;
  host_buffer *decoded;
  int depth;
};

static void token_fails(struct parser *parser, struct token *token, const char *at, const char *reason) {
  token->kind = token_error;
  token->position = (size_t)(at - parser->start);
  token->text = reason;
}

/// Four hexadecimal digits, or -1.
static int read_unit(const char *at, const char *end) {
  if (end - at < 4) return -1;
  int value = 0;
  for (int index = 0; index < 4; index++) {
    char digit = at[index];
    int part;
    if (digit >= '0' && digit <= '9') part = digit - '0';
    else if (digit >= 'a' && digit <= 'f') part = digit - 'a' + 10;
    else if (digit >= 'A' && digit <= 'F') part = digit - 'A' + 10;
    else return -1;
    value = value * 16 + part;
  }
  return value;
}

static void append_utf8(host_buffer *out, unsigned scalar) {
  char bytes[4];
  size_t count;
  if (scalar < 0x80) {
    bytes[0] = (char)scalar;
    count = 1;
  } else if (scalar < 0x800) {
    bytes[0] = (char)(0xC0 | scalar >> 6);
    bytes[1] = (char)(0x80 | (scalar & 63));
    count = 2;
  } else if (scalar < 0x10000) {
    bytes[0] = (char)(0xE0 | scalar >> 12);
    bytes[1] = (char)(0x80 | (scalar >> 6 & 63));
    bytes[2] = (char)(0x80 | (scalar & 63));
    count = 3;
  } else {
    bytes[0] = (char)(0xF0 | scalar >> 18);
    bytes[1] = (char)(0x80 | (scalar >> 12 & 63));
    bytes[2] = (char)(0x80 | (scalar >> 6 & 63));
    bytes[3] = (char)(0x80 | (scalar & 63));
    count = 4;
  }
  buffer_append(out, bytes, count);
}

/// After a backslash and 'u': one scalar value, of two units where the first is a high surrogate.
/// Returns where it ends, or NULL.
static const char *decode_unicode(struct parser *parser, const char *at) {
  int unit = read_unit(at, parser->end);
  if (unit < 0) return NULL;
  at += 4;
  unsigned scalar = (unsigned)unit;
  if ((unit & 0xF800) == 0xD800) {
    if (unit & 0x400) return NULL;
    if (parser->end - at < 6 || at[0] != '\\' || at[1] != 'u') return NULL;
    int low = read_unit(at + 2, parser->end);
    if (low < 0 || (low & 0xFC00) != 0xDC00) return NULL;
    scalar = 0x10000 + (((unsigned)unit & 0x3FF) << 10) + ((unsigned)low & 0x3FF);
    at += 6;
  }
  append_utf8(parser->decoded, scalar);
  return at;
}

static void next_string(struct parser *parser, struct token *token) {
  const char *at = parser->position + 1;
  parser->decoded->count = 0;
  for (;;) {
    const char *run = at;
    while (at < parser->end && *at != '"' && *at != '\\') at++;
    buffer_append(parser->decoded, run, (size_t)(at - run));
    if (at >= parser->end) return token_fails(parser, token, at, "unexpected end of string");
    if (*at == '"') break;
    const char *escape = at;
    if (at + 1 >= parser->end) return token_fails(parser, token, at, "invalid escape code");
    at += 2;
    switch (escape[1]) {
    case '"':
    case '\\':
    case '/': buffer_append_byte(parser->decoded, escape[1]); break;
    case 'b': buffer_append_byte(parser->decoded, '\b'); break;
    case 't': buffer_append_byte(parser->decoded, '\t'); break;
    case 'n': buffer_append_byte(parser->decoded, '\n'); break;
    case 'f': buffer_append_byte(parser->decoded, '\f'); break;
    case 'r': buffer_append_byte(parser->decoded, '\r'); break;
    case 'u':
      at = decode_unicode(parser, at);
      if (!at) return token_fails(parser, token, escape, "invalid unicode escape code");
      break;
    default: return token_fails(parser, token, escape, "invalid escape code");
    }
  }
  parser->position = at + 1;
  token->kind = token_string;
  token->text = parser->decoded->base;
  token->count = parser->decoded->count;
}

/// Numbers that C knows and JSON does not: leading zeros, hexadecimal, infinities, NaN.
static int is_invalid_number(const char *at) {
  if (*at == '+') return 1;
  if (*at == '-') at++;
  if (*at == '0') {
    char second = (char)(at[1] | 0x20);
    return second == 'x' || (at[1] >= '0' && at[1] <= '9');
  }
  if (*at <= '9') return 0;
  return strncasecmp(at, "inf", 3) == 0 || strncasecmp(at, "nan", 3) == 0;
}

static void next_number(struct parser *parser, struct token *token) {
  // The text is a Lua string, which a zero byte follows: strtod stops there.
  char *end;
  token->number = strtod(parser->position, &end);
  if (end == parser->position) return token_fails(parser, token, parser->position, "invalid number");
  token->kind = token_number;
  parser->position = end;
}

static int takes_word(struct parser *parser, const char *word) {
  size_t count = strlen(word);
  if ((size_t)(parser->end - parser->position) < count || memcmp(parser->position, word, count) != 0) return 0;
  parser->position += count;
  return 1;
}

static void next_token(struct parser *parser, struct token *token) {
  while (parser->position < parser->end) {
    char byte = *parser->position;
    if (byte != ' ' && byte != '\t' && byte != '\n' && byte != '\r') break;
    parser->position++;
  }
  token->position = (size_t)(parser->position - parser->start);
  if (parser->position >= parser->end) {
    token->kind = token_end;
    return;
  }
  enum token_kind single = token_error;
  switch (*parser->position) {
  case '{': single = token_object_begin; break;
  case '}': single = token_object_end; break;
  case '[': single = token_array_begin; break;
  case ']': single = token_array_end; break;
  case ',': single = token_comma; break;
  case ':': single = token_colon; break;
  case '"': return next_string(parser, token);
  case '-':
  case '0' ... '9':
    if (!parser->config->decode_invalid_numbers && is_invalid_number(parser->position)) {
      return token_fails(parser, token, parser->position, "invalid number");
    }
    return next_number(parser, token);
  case 't':
    if (takes_word(parser, "true")) {
      token->kind = token_boolean;
      token->boolean = 1;
      return;
    }
    break;
  case 'f':
    if (takes_word(parser, "false")) {
      token->kind = token_boolean;
      token->boolean = 0;
      return;
    }
    break;
  case 'n':
    if (takes_word(parser, "null")) {
      token->kind = token_null;
      return;
    }
    // fall through
  case 'N':
  case 'i':
  case 'I':
  case '+':
    if (parser->config->decode_invalid_numbers && is_invalid_number(parser->position)) {
      return next_number(parser, token);
    }
    break;
  default: break;
  }
  if (single == token_error) return token_fails(parser, token, parser->position, "invalid token");
  token->kind = single;
  parser->position++;
}

static void fail_decoding(struct parser *parser, const struct token *token, const char *expected) {
  const char *found = token->kind == token_error ? token->text : token_names[token->kind];
  luaL_error(parser->lua, "Expected %s but found %s at character %d", expected, found, (int)token->position + 1);
}

static void descend(struct parser *parser) {
  parser->depth++;
  if (parser->depth <= parser->config->decode_depth_max && lua_checkstack(parser->lua, 4)) return;
  luaL_error(parser->lua, "Found too many nested data structures (%d) at character %d", parser->depth,
             (int)(parser->position - parser->start));
}

static void decode_value(struct parser *parser, struct token *token);

static void decode_object(struct parser *parser) {
  struct token token;
  descend(parser);
  lua_newtable(parser->lua);
  next_token(parser, &token);
  if (token.kind == token_object_end) {
    parser->depth--;
    return;
  }
  for (;;) {
    if (token.kind != token_string) fail_decoding(parser, &token, "object key string");
    lua_pushlstring(parser->lua, token.text ? token.text : "", token.count);
    next_token(parser, &token);
    if (token.kind != token_colon) fail_decoding(parser, &token, "colon");
    next_token(parser, &token);
    decode_value(parser, &token);
    lua_rawset(parser->lua, -3);
    next_token(parser, &token);
    if (token.kind == token_object_end) break;
    if (token.kind != token_comma) fail_decoding(parser, &token, "comma or object end");
    next_token(parser, &token);
  }
  parser->depth--;
}

static void decode_array(struct parser *parser) {
  struct token token;
  descend(parser);
  lua_newtable(parser->lua);
  next_token(parser, &token);
  if (token.kind == token_array_end) {
    parser->depth--;
    return;
  }
  for (int index = 1;; index++) {
    decode_value(parser, &token);
    lua_rawseti(parser->lua, -2, index);
    next_token(parser, &token);
    if (token.kind == token_array_end) break;
    if (token.kind != token_comma) fail_decoding(parser, &token, "comma or array end");
    next_token(parser, &token);
  }
  parser->depth--;
}

static void decode_value(struct parser *parser, struct token *token) {
  switch (token->kind) {
  case token_string: lua_pushlstring(parser->lua, token->text ? token->text : "", token->count); break;
  case token_number: lua_pushnumber(parser->lua, token->number); break;
  case token_boolean: lua_pushboolean(parser->lua, token->boolean); break;
  case token_null: lua_pushlightuserdata(parser->lua, NULL); break;
  case token_object_begin: decode_object(parser); break;
  case token_array_begin: decode_array(parser); break;
  default: fail_decoding(parser, token, "value");
  }
}

static int json_decode(lua_State *lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  size_t count;
  const char *text = luaL_checklstring(lua, 1, &count);
  // A zero among the first two bytes is how UTF-16 and UTF-32 begin.
  if (count >= 2 && (!text[0] || !text[1])) luaL_error(lua, "JSON parser does not support UTF-16 or UTF-32");
  host_buffer *decoded = push_buffer(lua);
  struct parser parser = {
      .lua = lua, .config = config_of(lua), .start = text, .position = text, .end = text + count, .decoded = decoded};
  struct token token;
  next_token(&parser, &token);
  decode_value(&parser, &token);
  next_token(&parser, &token);
  if (token.kind != token_end) fail_decoding(&parser, &token, "the end");
  free(decoded->base);
  decoded->base = NULL;
  return 1;
}

// MARK: Settings

static int integer_setting(lua_State *lua, int index, int *setting, int lowest, int highest) {
  if (!lua_isnil(lua, index)) {
    int value = (int)luaL_checkinteger(lua, index);
    char text[64];
    snprintf(text, sizeof text, "expected integer between %d and %d", lowest, highest);
    luaL_argcheck(lua, value >= lowest && value <= highest, index, text);
    *setting = value;
  }
  lua_pushinteger(lua, *setting);
  return 1;
}

/// A boolean, or one of `names` from 1 on... index 0 and 1 are "off" and "on".
static int choice_setting(lua_State *lua, int index, int *setting, const char *const *names) {
  static const char *const switches[] = {"off", "on", NULL};
  if (!names) names = switches;
  if (!lua_isnil(lua, index)) {
    if (lua_isboolean(lua, index)) *setting = lua_toboolean(lua, index);
    else *setting = luaL_checkoption(lua, index, NULL, names);
  }
  if (*setting < 2) lua_pushboolean(lua, *setting);
  else lua_pushstring(lua, names[*setting]);
  return 1;
}

static json_config *setting_arguments(lua_State *lua, int count) {
  luaL_argcheck(lua, lua_gettop(lua) <= count, count + 1, "found too many arguments");
  while (lua_gettop(lua) < count) lua_pushnil(lua);
  return config_of(lua);
}

static int json_encode_sparse_array(lua_State *lua) {
  json_config *config = setting_arguments(lua, 3);
  choice_setting(lua, 1, &config->sparse_converts, NULL);
  integer_setting(lua, 2, &config->sparse_ratio, 0, INT32_MAX);
  integer_setting(lua, 3, &config->sparse_safe, 0, INT32_MAX);
  return 3;
}

/// Deeper than this the recursion itself would be at risk.
enum { depth_limit = 16000 };

static int json_encode_max_depth(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  integer_setting(lua, 1, &config->encode_depth_max, 1, INT32_MAX);
  if (config->encode_depth_max > depth_limit) config->encode_depth_max = depth_limit;
  return 1;
}

static int json_decode_max_depth(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  integer_setting(lua, 1, &config->decode_depth_max, 1, INT32_MAX);
  if (config->decode_depth_max > depth_limit) config->decode_depth_max = depth_limit;
  return 1;
}

static int json_encode_number_precision(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  return integer_setting(lua, 1, &config->encode_precision, 1, 14);
}

static int json_encode_keep_buffer(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  return choice_setting(lua, 1, &config->keeps_buffer, NULL);
}

static int json_encode_invalid_numbers(lua_State *lua) {
  static const char *const names[] = {"off", "on", "null", NULL};
  json_config *config = setting_arguments(lua, 1);
  return choice_setting(lua, 1, &config->encode_invalid_numbers, names);
}

static int json_decode_invalid_numbers(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  return choice_setting(lua, 1, &config->decode_invalid_numbers, NULL);
}

static int json_new(lua_State *lua) {
  json_config *ignored;
  return open_json(lua, &ignored);
}

int open_json(lua_State *lua, json_config **shared) {
  static const luaL_Reg functions[] = {{"encode", json_encode},
                                       {"decode", json_decode},
                                       {"encode_sparse_array", json_encode_sparse_array},
                                       {"encode_max_depth", json_encode_max_depth},
                                       {"decode_max_depth", json_decode_max_depth},
                                       {"encode_number_precision", json_encode_number_precision},
                                       {"encode_keep_buffer", json_encode_keep_buffer},
                                       {"encode_invalid_numbers", json_encode_invalid_numbers},
                                       {"decode_invalid_numbers", json_decode_invalid_numbers},
                                       {"new", json_new},
                                       {NULL, NULL}};
  lua_newtable(lua);
  json_config *config = lua_newuserdata(lua, sizeof *config);
  json_reset(config);
  for (const luaL_Reg *function = functions; function->name; function++) {
    lua_pushvalue(lua, -1);
    lua_pushcclosure(lua, function->func, 1);
    lua_setfield(lua, -3, function->name);
  }
  lua_pop(lua, 1);
  lua_pushlightuserdata(lua, NULL);
  lua_setfield(lua, -2, "null");
  lua_pushliteral(lua, "cjson");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "2.1.0");
  lua_setfield(lua, -2, "_VERSION");
  *shared = config;
  return 1;
}
