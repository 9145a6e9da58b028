// What differs in Lua's libraries `table`, `string` and `math`: calls that do much work in one instruction count for
// the script's time, read-only tables stay what they are, and random numbers belong to the host.
// Next: pattern.c (the rest of `string`), host.c (who puts it together).
// For nrand48.
#define _DEFAULT_SOURCE 1
#include "internal.h"

#include <math.h>
#include <stdlib.h>

static void wrap_function(lua_State *lua, const char *name, lua_CFunction wrapper) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, wrapper, 1);
  lua_setfield(lua, -2, name);
}

// MARK: table

static void check_writable(lua_State *lua) {
  if (lua_istable(lua, 1) && is_protected(lua, 1)) refuse_write(lua);
}

/// `table.insert`, in the middle too: what follows is moved up, one by one.
static int table_insert(lua_State *lua) {
  check_writable(lua);
  luaL_checktype(lua, 1, LUA_TTABLE);
  taskd_lua *host = host_of(lua);
  int place = (int)lua_objlen(lua, 1) + 1;
  switch (lua_gettop(lua)) {
  case 2: break;
  case 3: {
    int end = place;
    place = luaL_checkint(lua, 2);
    if (place > end) end = place;
    for (; end > place; end--) {
      host_charge(host, lua, 1);
      lua_rawgeti(lua, 1, end - 1);
      lua_rawseti(lua, 1, end);
    }
    break;
  }
  default: return luaL_error(lua, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(lua, 1, place);
  return 0;
}

/// `table.remove`: what follows is moved down.
static int table_remove(lua_State *lua) {
  check_writable(lua);
  luaL_checktype(lua, 1, LUA_TTABLE);
  taskd_lua *host = host_of(lua);
  int end = (int)lua_objlen(lua, 1);
  int place = luaL_optint(lua, 2, end);
  if (place < 1 || place > end) return 0;
  lua_rawgeti(lua, 1, place);
  for (; place < end; place++) {
    host_charge(host, lua, 1);
    lua_rawgeti(lua, 1, place + 1);
    lua_rawseti(lua, 1, place);
  }
  lua_pushnil(lua);
  lua_rawseti(lua, 1, end);
  return 1;
}

/// The order of `<`. Some tables take Lua's `table.sort` a number of comparisons that is their size squared; this
/// one can be interrupted.
int table_order(lua_State *lua) {
  host_charge(host_of(lua), lua, 8);
  lua_pushboolean(lua, lua_lessthan(lua, 1, 2));
  return 1;
}

/// `table.sort` of Lua's own (upvalue 1), with a function to compare in any case.
static int table_sort(lua_State *lua) {
  check_writable(lua);
  if (lua_isnoneornil(lua, 2)) {
    lua_settop(lua, 1);
    lua_pushcfunction(lua, table_order);
  }
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

void replace_table_functions(lua_State *lua) {
  static const luaL_Reg functions[] = {{"insert", table_insert}, {"remove", table_remove}, {NULL, NULL}};
  luaL_register(lua, NULL, functions);
  wrap_function(lua, "sort", table_sort);
}

// MARK: string

/// `string.rep` that refuses what cannot be held, instead of trying.
static int string_rep(lua_State *lua) {
  size_t count;
  const char *text = luaL_checklstring(lua, 1, &count);
  lua_Number times = luaL_checknumber(lua, 2);
  taskd_lua *host = host_of(lua);
  if (!(times >= 1) || count == 0) {
    lua_pushliteral(lua, "");
    return 1;
  }
  if ((double)count * times > (double)host->limits.memory_bytes_max) {
    return luaL_error(lua, "resulting string too large");
  }
  luaL_Buffer out;
  luaL_buffinit(lua, &out);
  for (long long left = (long long)times; left > 0; left--) {
    host_charge(host, lua, 1 + count / 16);
    luaL_addlstring(&out, text, count);
  }
  luaL_pushresult(&out);
  return 1;
}

void replace_string_functions(lua_State *lua) {
  lua_pushcfunction(lua, string_rep);
  lua_setfield(lua, -2, "rep");
  replace_pattern_functions(lua);
}

// MARK: math

// `math.random`: 48-bit linear congruence, whose state belongs to the host and not to the process.

static int math_random(lua_State *lua) {
  taskd_lua *host = host_of(lua);
  lua_Number fraction = (lua_Number)(nrand48(host->random_state) % INT32_MAX) / (lua_Number)INT32_MAX;
  switch (lua_gettop(lua)) {
  case 0: lua_pushnumber(lua, fraction); return 1;
  case 1: {
    int upper = luaL_checkint(lua, 1);
    luaL_argcheck(lua, 1 <= upper, 1, "interval is empty");
    lua_pushnumber(lua, floor(fraction * upper) + 1);
    return 1;
  }
  case 2: {
    int lower = luaL_checkint(lua, 1), upper = luaL_checkint(lua, 2);
    luaL_argcheck(lua, lower <= upper, 2, "interval is empty");
    lua_pushnumber(lua, floor(fraction * ((lua_Number)upper - lower + 1)) + lower);
    return 1;
  }
  default: return luaL_error(lua, "wrong number of arguments");
  }
}

void seed_random(taskd_lua *host, uint32_t seed) {
  host->random_state[0] = 0x330E;
  host->random_state[1] = (unsigned short)seed;
  host->random_state[2] = (unsigned short)(seed >> 16);
}

static int math_randomseed(lua_State *lua) {
  seed_random(host_of(lua), (uint32_t)(int64_t)luaL_checknumber(lua, 1));
  return 0;
}


void replace_math_functions(lua_State *lua) {
  static const luaL_Reg random[] = {{"random", math_random}, {"randomseed", math_randomseed}, {NULL, NULL}};
  luaL_register(lua, NULL, random);
}
