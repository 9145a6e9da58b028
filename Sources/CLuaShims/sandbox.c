// What scripts may not do to each other: read-only tables, and the functions of Lua's base library that would
// reach around them.
//
// Scripts share one interpreter, so nothing that a script does may stay behind. Their globals are an empty
// stand-in table: reading goes through `__index` to the real globals and on to a function that raises for unknown
// names; writing always raises. The libraries are behind such stand-ins too, and the functions that could reach
// around a metatable (`rawset`, `setmetatable`, `table.insert`) look for them. Byte code is never loaded: it can be
// forged into anything.
//
// Next: libraries.c (what differs in the other libraries), host.c (who puts it together).
#include "internal.h"

static char protected_key;

// MARK: Read-only tables

int is_protected(lua_State *lua, int index) {
  if (!lua_getmetatable(lua, index)) return 0;
  lua_pushlightuserdata(lua, &protected_key);
  lua_rawget(lua, -2);
  int result = !lua_isnil(lua, -1);
  lua_pop(lua, 2);
  return result;
}

/// Pushes the real table behind the stand-in at `index`, or the value itself.
static void push_real(lua_State *lua, int index) {
  if (lua_getmetatable(lua, index)) {
    lua_pushlightuserdata(lua, &protected_key);
    lua_rawget(lua, -2);
    lua_remove(lua, -2);
    if (!lua_isnil(lua, -1)) return;
    lua_pop(lua, 1);
  }
  lua_pushvalue(lua, index);
}

int refuse_write(lua_State *lua) { return luaL_error(lua, "Attempt to modify a readonly table"); }

static int refuse_write_without_position(lua_State *lua) {
  lua_pushliteral(lua, "Attempt to modify a readonly table");
  return lua_error(lua);
}

void push_protected(lua_State *lua) {
  int real = lua_gettop(lua);
  lua_newtable(lua);
  lua_newtable(lua);
  lua_pushvalue(lua, real);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_write);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pushlightuserdata(lua, &protected_key);
  lua_pushvalue(lua, real);
  lua_rawset(lua, -3);
  lua_setmetatable(lua, -2);
  lua_replace(lua, real);
}

// MARK: Base functions that differ from Lua's own

static int nonexistent_global(lua_State *lua) {
  const char *name = lua_tostring(lua, 2);
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'", name ? name : "?");
}

/// `pcall`, but an error table of ours comes back as its text.
static int base_pcall(lua_State *lua) {
  luaL_checkany(lua, 1);
  int status = lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0);
  if (status != 0 && lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    if (lua_isstring(lua, -1)) lua_replace(lua, -2);
    else lua_pop(lua, 1);
  }
  lua_pushboolean(lua, status == 0);
  lua_insert(lua, 1);
  return lua_gettop(lua);
}

static int load_text(lua_State *lua, const char *text, size_t count, const char *name) {
  if (count && text[0] == LUA_SIGNATURE[0]) {
    lua_pushnil(lua);
    lua_pushliteral(lua, "byte code is not loaded");
    return 2;
  }
  if (luaL_loadbuffer(lua, text, count, name) == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

static int base_loadstring(lua_State *lua) {
  size_t count;
  const char *text = luaL_checklstring(lua, 1, &count);
  return load_text(lua, text, count, luaL_optstring(lua, 2, text));
}

static int base_load(lua_State *lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  const char *name = luaL_optstring(lua, 2, "=(load)");
  lua_settop(lua, 2);
  // A table of pieces: the function may raise or yield no end of them, so no fixed buffer.
  lua_newtable(lua);
  int pieces = 0;
  for (;;) {
    lua_pushvalue(lua, 1);
    lua_call(lua, 0, 1);
    if (lua_isnil(lua, -1)) break;
    if (!lua_isstring(lua, -1)) return luaL_error(lua, "reader function must return a string");
    size_t count = lua_objlen(lua, -1);
    if (count == 0) break;
    lua_rawseti(lua, 3, ++pieces);
  }
  lua_settop(lua, 3);
  luaL_Buffer text;
  luaL_buffinit(lua, &text);
  for (int piece = 1; piece <= pieces; piece++) {
    lua_rawgeti(lua, 3, piece);
    luaL_addvalue(&text);
  }
  luaL_pushresult(&text);
  size_t count;
  const char *whole = lua_tolstring(lua, -1, &count);
  return load_text(lua, whole, count, name);
}

static int base_rawset(lua_State *lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  luaL_checkany(lua, 3);
  if (is_protected(lua, 1)) return refuse_write_without_position(lua);
  lua_settop(lua, 3);
  lua_rawset(lua, 1);
  return 1;
}

static int base_rawget(lua_State *lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  push_real(lua, 1);
  lua_replace(lua, 1);
  lua_rawget(lua, 1);
  return 1;
}

static int base_setmetatable(lua_State *lua) {
  int kind = lua_type(lua, 2);
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_argcheck(lua, kind == LUA_TNIL || kind == LUA_TTABLE, 2, "nil or table expected");
  if (is_protected(lua, 1)) return refuse_write_without_position(lua);
  if (luaL_getmetafield(lua, 1, "__metatable")) return luaL_error(lua, "cannot change a protected metatable");
  lua_settop(lua, 2);
  lua_setmetatable(lua, 1);
  return 1;
}

static int base_next(lua_State *lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 2);
  push_real(lua, 1);
  lua_replace(lua, 1);
  if (lua_next(lua, 1)) return 2;
  lua_pushnil(lua);
  return 1;
}

/// `pairs` with Lua's own `next` (upvalue 1) on the real table: a walk costs what it always does.
static int base_pairs(lua_State *lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));
  // The globals themselves stay behind their stand-in: the real table is never handed out.
  if (is_protected(lua, 1)) {
    push_real(lua, 1);
    lua_newtable(lua);
    lua_pushnil(lua);
    while (lua_next(lua, -3)) {
      lua_pushvalue(lua, -2);
      lua_insert(lua, -2);
      lua_rawset(lua, -4);
    }
    lua_remove(lua, -2);
  } else {
    lua_pushvalue(lua, 1);
  }
  lua_pushnil(lua);
  return 3;
}

/// `unpack` that refuses what the stack cannot hold. In Lua's own the number of values may overflow.
static int base_unpack(lua_State *lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  int first = luaL_optint(lua, 2, 1);
  int last = lua_isnoneornil(lua, 3) ? (int)lua_objlen(lua, 1) : luaL_checkint(lua, 3);
  if (first > last) return 0;
  long long count = (long long)last - first + 1;
  if (count > INT32_MAX || !lua_checkstack(lua, (int)count)) return luaL_error(lua, "too many results to unpack");
  for (long long index = first; index <= last; index++) lua_rawgeti(lua, 1, (int)index);
  return (int)count;
}

/// `collectgarbage` without the options that would outlive the script.
static int base_collectgarbage(lua_State *lua) {
  static const char *const names[] = {"collect", "count", "step", "stop", "restart", "setpause", "setstepmul", NULL};
  int option = luaL_checkoption(lua, 1, "collect", names);
  int data = luaL_optint(lua, 2, 0);
  taskd_lua *host = host_of(lua);
  // A whole collection looks at everything there is.
  if (option == 0 || option == 2) host_charge(host, lua, host->memory_bytes / 64);
  switch (option) {
  case 0: lua_pushnumber(lua, lua_gc(lua, LUA_GCCOLLECT, 0)); break;
  case 1: lua_pushnumber(lua, lua_gc(lua, LUA_GCCOUNT, 0) + lua_gc(lua, LUA_GCCOUNTB, 0) / 1024.0); break;
  case 2: lua_pushboolean(lua, lua_gc(lua, LUA_GCSTEP, data)); break;
  default: lua_pushnumber(lua, 0);
  }
  return 1;
}

/// Names that scripts see of Lua's own base library.
static const char *const base_names[] = {"_VERSION", "assert", "error",    "gcinfo",   "getmetatable", "ipairs",
                                         "rawequal", "select", "tonumber", "tostring", "type",         "xpcall",
                                         NULL};

void open_base(lua_State *lua, int globals) {
  for (const char *const *name = base_names; *name; name++) {
    lua_getglobal(lua, *name);
    lua_setfield(lua, globals, *name);
  }
  static const luaL_Reg own[] = {
      {"pcall", base_pcall},   {"loadstring", base_loadstring}, {"load", base_load},
      {"rawset", base_rawset}, {"rawget", base_rawget},         {"setmetatable", base_setmetatable},
      {"next", base_next},     {"unpack", base_unpack},         {"collectgarbage", base_collectgarbage},
      {NULL, NULL}};
  lua_pushvalue(lua, globals);
  luaL_register(lua, NULL, own);
  lua_getglobal(lua, "next");
  lua_pushcclosure(lua, base_pairs, 1);
  lua_setfield(lua, -2, "pairs");
  lua_pop(lua, 1);
}

void refuse_unknown_globals(lua_State *lua, int globals) {
  lua_newtable(lua);
  lua_pushcfunction(lua, nonexistent_global);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, globals);
}
