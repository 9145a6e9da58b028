// `cjson.decode`: JSON text as a Lua value.
// Next: json_encode.c.
#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
  host_charge(host_of(parser->lua), parser->lua, 8);
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

int json_decode(lua_State *lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  size_t count;
  const char *text = luaL_checklstring(lua, 1, &count);
  // A zero among the first two bytes is how UTF-16 and UTF-32 begin.
  if (count >= 2 && (!text[0] || !text[1])) luaL_error(lua, "JSON parser does not support UTF-16 or UTF-32");
  host_buffer *decoded = json_push_buffer(lua);
  struct parser parser = {
      .lua = lua, .config = json_config_of(lua), .start = text, .position = text, .end = text + count, .decoded = decoded};
  struct token token;
  next_token(&parser, &token);
  decode_value(&parser, &token);
  next_token(&parser, &token);
  if (token.kind != token_end) fail_decoding(&parser, &token, "the end");
  free(decoded->base);
  decoded->base = NULL;
  return 1;
}
