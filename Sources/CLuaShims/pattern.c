// Lua's patterns: `string.find`, `match`, `gmatch` and `gsub` as Lua 5.1 has them, results and errors alike.
//
// Why not Lua's own: it recurses as deep as the pattern has items that can match nothing, so that a long pattern
// overflows the C stack; and some patterns take longer than anybody lives, which no count of instructions notices,
// since one call is one instruction. Here the depth has a limit, and every step counts for the script's time.
// A pattern ends at its first zero byte, as it does for Lua 5.1.
//
// Next: libraries.c.
// For memmem.
#define _GNU_SOURCE 1
#include "internal.h"

#include <ctype.h>
#include <string.h>

enum { captures_max = 32, still_open = -1, is_position = -2, escape = '%' };

struct matcher {
  lua_State *lua;
  taskd_lua *host;
  const char *subject;
  const char *end;
  int depth;
  int captures;
  struct {
    const char *start;
    /// Or `still_open`, `is_position`.
    ptrdiff_t count;
  } capture[captures_max];
};

static unsigned char byte_at(const char *at) { return (unsigned char)*at; }

static void begin(struct matcher *matcher, lua_State *lua, const char *subject, size_t count) {
  matcher->lua = lua;
  matcher->host = host_of(lua);
  matcher->subject = subject;
  matcher->end = subject + count;
  matcher->depth = 0;
  matcher->captures = 0;
}

// MARK: Single bytes

/// Whether the byte is of the class that a letter after `%` names; an upper-case letter names the others.
static int is_of_class(int byte, int name) {
  int result;
  switch (tolower(name)) {
  case 'a': result = isalpha(byte); break;
  case 'c': result = iscntrl(byte); break;
  case 'd': result = isdigit(byte); break;
  case 'l': result = islower(byte); break;
  case 'p': result = ispunct(byte); break;
  case 's': result = isspace(byte); break;
  case 'u': result = isupper(byte); break;
  case 'w': result = isalnum(byte); break;
  case 'x': result = isxdigit(byte); break;
  case 'z': result = byte == 0; break;
  default: return name == byte;
  }
  return isupper(name) ? !result : result != 0;
}

/// Where the single-byte item at `item` ends: behind a byte, an escaped one, or a set.
static const char *item_end(struct matcher *matcher, const char *item) {
  const char *at = item + 1;
  if (*item == escape) {
    if (!*at) luaL_error(matcher->lua, "malformed pattern (ends with '%%')");
    return at + 1;
  }
  if (*item != '[') return at;
  if (*at == '^') at++;
  // A bracket right at the beginning belongs to the set.
  do {
    if (!*at) luaL_error(matcher->lua, "malformed pattern (missing ']')");
    if (*at++ == escape && *at) at++;
  } while (*at != ']');
  host_charge(matcher->host, matcher->lua, (size_t)(at - item) / 8);
  return at + 1;
}

/// Whether the byte is in the set from `[` at `set` to `]` at `close`.
static int is_in_set(struct matcher *matcher, int byte, const char *set, const char *close) {
  int wanted = 1;
  const char *at = set + 1;
  if (*at == '^') {
    wanted = 0;
    at++;
  }
  host_charge(matcher->host, matcher->lua, (size_t)(close - at) / 8);
  for (; at < close; at++) {
    if (*at == escape) {
      if (is_of_class(byte, byte_at(++at))) return wanted;
    } else if (at[1] == '-' && at + 2 < close) {
      if (byte_at(at) <= byte && byte <= byte_at(at + 2)) return wanted;
      at += 2;
    } else if (byte_at(at) == byte) {
      return wanted;
    }
  }
  return !wanted;
}

/// Whether the byte at `at` exists and matches the item.
static int matches_one(struct matcher *matcher, const char *at, const char *item, const char *end) {
  if (at >= matcher->end) return 0;
  int byte = byte_at(at);
  switch (*item) {
  case '.': return 1;
  case escape: return is_of_class(byte, byte_at(item + 1));
  case '[': return is_in_set(matcher, byte, item, end - 1);
  default: return byte_at(item) == byte;
  }
}

// MARK: Items

static const char *match(struct matcher *matcher, const char *at, const char *pattern);

/// As many as there are, then fewer and fewer.
static const char *match_most(struct matcher *matcher, const char *at, const char *item, const char *end) {
  const char *last = at;
  while (matches_one(matcher, last, item, end)) {
    host_charge(matcher->host, matcher->lua, 1);
    last++;
  }
  for (;; last--) {
    const char *found = match(matcher, last, end + 1);
    if (found || last == at) return found;
  }
}

/// As few as will do.
static const char *match_least(struct matcher *matcher, const char *at, const char *item, const char *end) {
  for (;; at++) {
    const char *found = match(matcher, at, end + 1);
    if (found) return found;
    if (!matches_one(matcher, at, item, end)) return NULL;
  }
}

/// `%bxy`: from an x to the y that balances it. Returns where that ends.
static const char *match_balanced(struct matcher *matcher, const char *at, const char *pair) {
  if (!pair[0] || !pair[1]) luaL_error(matcher->lua, "unbalanced pattern");
  if (at >= matcher->end || *at != pair[0]) return NULL;
  int open = 1;
  while (++at < matcher->end) {
    host_charge(matcher->host, matcher->lua, 1);
    if (*at == pair[1]) {
      if (--open == 0) return at + 1;
    } else if (*at == pair[0]) {
      open++;
    }
  }
  return NULL;
}

static const char *open_capture(struct matcher *matcher, const char *at, const char *pattern, ptrdiff_t count) {
  if (matcher->captures >= captures_max) luaL_error(matcher->lua, "too many captures");
  matcher->capture[matcher->captures].start = at;
  matcher->capture[matcher->captures].count = count;
  matcher->captures++;
  const char *found = match(matcher, at, pattern);
  if (!found) matcher->captures--;
  return found;
}

static const char *close_capture(struct matcher *matcher, const char *at, const char *pattern) {
  int index = matcher->captures - 1;
  while (index >= 0 && matcher->capture[index].count != still_open) index--;
  if (index < 0) luaL_error(matcher->lua, "invalid pattern capture");
  matcher->capture[index].count = at - matcher->capture[index].start;
  const char *found = match(matcher, at, pattern);
  if (!found) matcher->capture[index].count = still_open;
  return found;
}

/// `%1` and so on: the same bytes again.
static const char *match_again(struct matcher *matcher, const char *at, int digit) {
  int index = digit - '1';
  if (index < 0 || index >= matcher->captures || matcher->capture[index].count == still_open) {
    luaL_error(matcher->lua, "invalid capture index");
  }
  ptrdiff_t count = matcher->capture[index].count;
  if (count < 0 || matcher->end - at < count) return NULL;
  host_charge(matcher->host, matcher->lua, (size_t)count / 16);
  return memcmp(matcher->capture[index].start, at, (size_t)count) == 0 ? at + count : NULL;
}

/// `%f[set]`: between a byte outside and one inside of the set; the subject lies between two zero bytes.
static int is_frontier(struct matcher *matcher, const char *at, const char *set, const char *end) {
  int before = at == matcher->subject ? 0 : byte_at(at - 1);
  int after = at == matcher->end ? 0 : byte_at(at);
  return !is_in_set(matcher, before, set, end - 1) && is_in_set(matcher, after, set, end - 1);
}

/// What follows one item is looked at in the same call where nothing has to be tried again.
static const char *match_items(struct matcher *matcher, const char *at, const char *pattern) {
  for (;;) {
    host_charge(matcher->host, matcher->lua, 1);
    switch (*pattern) {
    case 0: return at;
    case '(':
      if (pattern[1] == ')') return open_capture(matcher, at, pattern + 2, is_position);
      return open_capture(matcher, at, pattern + 1, still_open);
    case ')': return close_capture(matcher, at, pattern + 1);
    case '$':
      if (!pattern[1]) return at == matcher->end ? at : NULL;
      break;
    case escape:
      if (pattern[1] == 'b') {
        at = match_balanced(matcher, at, pattern + 2);
        if (!at) return NULL;
        pattern += 4;
        continue;
      }
      if (pattern[1] == 'f') {
        pattern += 2;
        if (*pattern != '[') luaL_error(matcher->lua, "missing '[' after '%%f' in pattern");
        const char *end = item_end(matcher, pattern);
        if (!is_frontier(matcher, at, pattern, end)) return NULL;
        pattern = end;
        continue;
      }
      if (isdigit(byte_at(pattern + 1))) {
        at = match_again(matcher, at, pattern[1]);
        if (!at) return NULL;
        pattern += 2;
        continue;
      }
      break;
    default: break;
    }
    const char *end = item_end(matcher, pattern);
    switch (*end) {
    case '?': {
      if (matches_one(matcher, at, pattern, end)) {
        const char *found = match(matcher, at + 1, end + 1);
        if (found) return found;
      }
      pattern = end + 1;
      continue;
    }
    case '*': return match_most(matcher, at, pattern, end);
    case '+': return matches_one(matcher, at, pattern, end) ? match_most(matcher, at + 1, pattern, end) : NULL;
    case '-': return match_least(matcher, at, pattern, end);
    default:
      if (!matches_one(matcher, at, pattern, end)) return NULL;
      at++;
      pattern = end;
    }
  }
}

/// Where the match of `pattern` that begins at `at` ends, or NULL.
static const char *match(struct matcher *matcher, const char *at, const char *pattern) {
  if (matcher->depth >= matcher->host->limits.pattern_depth_max) luaL_error(matcher->lua, "pattern too complex");
  matcher->depth++;
  const char *found = match_items(matcher, at, pattern);
  matcher->depth--;
  return found;
}

// MARK: Captures

/// Pushes a capture; the first one is the whole match where the pattern has none.
static void push_capture(struct matcher *matcher, int index, const char *start, const char *end) {
  if (index >= matcher->captures) {
    if (index != 0) luaL_error(matcher->lua, "invalid capture index");
    lua_pushlstring(matcher->lua, start, (size_t)(end - start));
    return;
  }
  ptrdiff_t count = matcher->capture[index].count;
  if (count == still_open) luaL_error(matcher->lua, "unfinished capture");
  if (count == is_position) lua_pushinteger(matcher->lua, matcher->capture[index].start - matcher->subject + 1);
  else lua_pushlstring(matcher->lua, matcher->capture[index].start, (size_t)count);
}

/// Pushes all captures, or the whole match (if `start` is given) where there are none. Returns how many.
static int push_captures(struct matcher *matcher, const char *start, const char *end) {
  int count = matcher->captures == 0 && start ? 1 : matcher->captures;
  luaL_checkstack(matcher->lua, count, "too many captures");
  for (int index = 0; index < count; index++) push_capture(matcher, index, start, end);
  return count;
}

// MARK: find and match

static int has_special_bytes(const char *pattern) { return strpbrk(pattern, "^$*+?.([%-") != NULL; }

static int find_plainly(lua_State *lua, const char *subject, size_t count, size_t first, const char *text, size_t size) {
  host_charge(host_of(lua), lua, (count - first) / 16);
  const char *found = subject + first;
  if (size) found = memmem(found, count - first, text, size);
  if (!found) {
    lua_pushnil(lua);
    return 1;
  }
  lua_pushinteger(lua, found - subject + 1);
  lua_pushinteger(lua, found - subject + (ptrdiff_t)size);
  return 2;
}

static int find_or_match(lua_State *lua, int finds) {
  size_t count, size;
  const char *subject = luaL_checklstring(lua, 1, &count);
  const char *pattern = luaL_checklstring(lua, 2, &size);
  lua_Integer place = luaL_optinteger(lua, 3, 1);
  // A negative one counts from the end.
  if (place < 0) place = place < -(lua_Integer)count ? 1 : place + (lua_Integer)count + 1;
  size_t first = place <= 1 ? 0 : (size_t)place - 1;
  if (first > count) first = count;
  if (finds && (lua_toboolean(lua, 4) || !has_special_bytes(pattern))) {
    return find_plainly(lua, subject, count, first, pattern, size);
  }
  struct matcher matcher;
  begin(&matcher, lua, subject, count);
  int is_anchored = *pattern == '^';
  if (is_anchored) pattern++;
  for (const char *at = subject + first; at <= matcher.end; at++) {
    matcher.captures = 0;
    const char *end = match(&matcher, at, pattern);
    if (end && finds) {
      lua_pushinteger(lua, at - subject + 1);
      lua_pushinteger(lua, end - subject);
      return push_captures(&matcher, NULL, NULL) + 2;
    }
    if (end) return push_captures(&matcher, at, end);
    if (is_anchored) break;
  }
  lua_pushnil(lua);
  return 1;
}

static int string_find(lua_State *lua) { return find_or_match(lua, 1); }

static int string_match(lua_State *lua) { return find_or_match(lua, 0); }

// MARK: gmatch

/// Upvalues: subject, pattern, where to go on.
static int next_match(lua_State *lua) {
  size_t count;
  const char *subject = lua_tolstring(lua, lua_upvalueindex(1), &count);
  const char *pattern = lua_tostring(lua, lua_upvalueindex(2));
  struct matcher matcher;
  begin(&matcher, lua, subject, count);
  for (const char *at = subject + lua_tointeger(lua, lua_upvalueindex(3)); at <= matcher.end; at++) {
    matcher.captures = 0;
    const char *end = match(&matcher, at, pattern);
    if (!end) continue;
    // An empty match must not be found again.
    lua_pushinteger(lua, end - subject + (end == at));
    lua_replace(lua, lua_upvalueindex(3));
    return push_captures(&matcher, at, end);
  }
  return 0;
}

static int string_gmatch(lua_State *lua) {
  luaL_checkstring(lua, 1);
  luaL_checkstring(lua, 2);
  lua_settop(lua, 2);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_match, 3);
  return 1;
}

// MARK: gsub

/// Appends the replacement's text, with captures where it says `%0` to `%9`.
static void add_text(struct matcher *matcher, luaL_Buffer *out, const char *start, const char *end) {
  size_t count;
  const char *text = lua_tolstring(matcher->lua, 3, &count);
  for (size_t index = 0; index < count; index++) {
    if (text[index] != escape) {
      luaL_addchar(out, text[index]);
      continue;
    }
    // Behind a last percent sign stands the string's closing zero byte, which is then added.
    index++;
    if (!isdigit(byte_at(text + index))) {
      luaL_addchar(out, text[index]);
    } else if (text[index] == '0') {
      luaL_addlstring(out, start, (size_t)(end - start));
    } else {
      push_capture(matcher, text[index] - '1', start, end);
      luaL_addvalue(out);
    }
  }
}

/// Appends what replaces the match.
static void add_replacement(struct matcher *matcher, luaL_Buffer *out, const char *start, const char *end) {
  lua_State *lua = matcher->lua;
  switch (lua_type(lua, 3)) {
  case LUA_TFUNCTION: {
    lua_pushvalue(lua, 3);
    lua_call(lua, push_captures(matcher, start, end), 1);
    break;
  }
  case LUA_TTABLE:
    push_capture(matcher, 0, start, end);
    lua_gettable(lua, 3);
    break;
  default: add_text(matcher, out, start, end); return;
  }
  if (!lua_toboolean(lua, -1)) {
    lua_pop(lua, 1);
    lua_pushlstring(lua, start, (size_t)(end - start));
  } else if (!lua_isstring(lua, -1)) {
    luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
  }
  luaL_addvalue(out);
}

static int string_gsub(lua_State *lua) {
  size_t count;
  const char *at = luaL_checklstring(lua, 1, &count);
  const char *pattern = luaL_checkstring(lua, 2);
  int kind = lua_type(lua, 3);
  lua_Integer most = luaL_optinteger(lua, 4, (lua_Integer)count + 1);
  luaL_argcheck(lua, kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION || kind == LUA_TTABLE, 3,
                "string/function/table expected");
  struct matcher matcher;
  begin(&matcher, lua, at, count);
  int is_anchored = *pattern == '^';
  if (is_anchored) pattern++;
  lua_Integer replaced = 0;
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  while (replaced < most) {
    matcher.captures = 0;
    const char *end = match(&matcher, at, pattern);
    if (end) {
      replaced++;
      add_replacement(&matcher, &out, at, end);
    }
    if (end && end > at) at = end;
    else if (at < matcher.end) luaL_addchar(&out, *at++);
    else break;
    if (is_anchored) break;
  }
  luaL_addlstring(&out, at, (size_t)(matcher.end - at));
  luaL_pushresult(&out);
  lua_pushinteger(lua, replaced);
  return 2;
}

void replace_pattern_functions(lua_State *lua) {
  static const luaL_Reg functions[] = {{"find", string_find},     {"match", string_match}, {"gmatch", string_gmatch},
                                       {"gfind", string_gmatch}, {"gsub", string_gsub},   {NULL, NULL}};
  luaL_register(lua, NULL, functions);
}
