// Libraries of functions: loading their text, and `redis.register_function`, which it calls.
// While a library is loaded, its globals are `redis` alone, with what loading needs; the functions that it leaves
// behind see the same globals as scripts, without KEYS and ARGV, which they get as arguments. Functions keep the
// environment of the text they stand in, so the stand-in of the globals is pointed to one table or the other.
// Next: run.c (calls functions).
#include "internal.h"

#include <string.h>

// MARK: redis.register_function

enum { name_index = 2, description_index, callback_index };

/// Reads the list of flags at the top, and pops it.
static int read_flags(lua_State *lua, taskd_lua *host, taskd_lua_function *function) {
  if (!lua_istable(lua, -1)) {
    return raise_error(lua, "flags argument to redis.register_function must be a table representing function flags");
  }
  for (int index = 1;; index++) {
    lua_rawgeti(lua, -1, index);
    if (lua_isnil(lua, -1)) break;
    taskd_lua_bytes name = {NULL, 0};
    name.base = lua_tolstring(lua, -1, &name.count);
    unsigned flag = name.base ? host->callbacks.function_flag(host->callbacks.owner, name) : 0;
    if (!flag) return raise_error(lua, "unknown flag given");
    function->flags |= flag;
    lua_pop(lua, 1);
  }
  lua_pop(lua, 2);
  return 0;
}

/// One argument of the form with names; its value is at the top, and is popped.
static int read_named(lua_State *lua, taskd_lua *host, taskd_lua_function *function, const char *key) {
  if (strcmp(key, "function_name") == 0) {
    if (!lua_isstring(lua, -1)) {
      return raise_error(lua, "function_name argument given to redis.register_function must be a string");
    }
    lua_replace(lua, name_index);
  } else if (strcmp(key, "description") == 0) {
    if (!lua_isstring(lua, -1)) {
      return raise_error(lua, "description argument given to redis.register_function must be a string");
    }
    lua_replace(lua, description_index);
  } else if (strcmp(key, "callback") == 0) {
    if (!lua_isfunction(lua, -1)) {
      return raise_error(lua, "callback argument given to redis.register_function must be a function");
    }
    lua_replace(lua, callback_index);
  } else if (strcmp(key, "flags") == 0) {
    return read_flags(lua, host, function);
  } else {
    return raise_error(lua, "unknown argument given to redis.register_function");
  }
  return 0;
}

static void read_table(lua_State *lua, taskd_lua *host, taskd_lua_function *function) {
  if (!lua_istable(lua, 1)) {
    raise_error(lua, "calling redis.register_function with a single argument is only applicable to Lua table "
                     "(representing named arguments).");
  }
  lua_settop(lua, callback_index);
  lua_pushnil(lua);
  while (lua_next(lua, 1)) {
    if (lua_type(lua, -2) == LUA_TNUMBER) raise_error(lua, "unknown argument given to redis.register_function");
    if (lua_type(lua, -2) != LUA_TSTRING) {
      raise_error(lua, "named argument key given to redis.register_function is not a string");
    }
    read_named(lua, host, function, lua_tostring(lua, -2));
  }
  if (lua_isnil(lua, name_index)) raise_error(lua, "redis.register_function must get a function name argument");
  if (lua_isnil(lua, callback_index)) raise_error(lua, "redis.register_function must get a callback argument");
}

static void read_positions(lua_State *lua) {
  if (!lua_isstring(lua, 1)) raise_error(lua, "first argument to redis.register_function must be a string");
  if (!lua_isfunction(lua, 2)) raise_error(lua, "second argument to redis.register_function must be a function");
  lua_pushvalue(lua, 1);
  lua_insert(lua, name_index);
  lua_pushnil(lua);
  lua_insert(lua, description_index);
}

static int redis_register_function(lua_State *lua) {
  taskd_lua *host = host_of(lua);
  if (!host->is_loading) {
    return raise_error(lua, "redis.register_function can only be called on FUNCTION LOAD command");
  }
  int count = lua_gettop(lua);
  if (count < 1 || count > 2) return raise_error(lua, "wrong number of arguments to redis.register_function");
  taskd_lua_function function = {{NULL, 0}, {NULL, 0}, 0, 0};
  if (count == 1) read_table(lua, host, &function);
  else read_positions(lua);
  function.name.base = lua_tolstring(lua, name_index, &function.name.count);
  if (!lua_isnil(lua, description_index)) {
    function.description.base = lua_tolstring(lua, description_index, &function.description.count);
  }
  lua_pushvalue(lua, callback_index);
  function.reference = luaL_ref(lua, LUA_REGISTRYINDEX);
  const char *refusal = host->callbacks.register_function(host->callbacks.owner, &function);
  if (!refusal) return 0;
  luaL_unref(lua, LUA_REGISTRYINDEX, function.reference);
  return raise_error(lua, refusal);
}

// MARK: Environments

void open_libraries(lua_State *lua, taskd_lua *host, const char *version, int version_number) {
  lua_newtable(lua);
  lua_newtable(lua);
  lua_pushcfunction(lua, redis_register_function);
  lua_setfield(lua, -2, "register_function");
  set_log(lua, version, version_number);
  refuse_unknown_globals(lua, lua_gettop(lua));
  push_protected(lua);
  lua_setfield(lua, -2, "redis");
  refuse_unknown_globals(lua, lua_gettop(lua));
  host->library_globals = luaL_ref(lua, LUA_REGISTRYINDEX);
}

/// Points the globals to one of the two tables. Needs no memory: the field and its name are there always.
static void set_globals(lua_State *lua, int reference) {
  lua_getmetatable(lua, LUA_GLOBALSINDEX);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, reference);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
}

// MARK: Loading

struct load_request {
  taskd_lua *host;
  taskd_lua_bytes body;
  int is_compiled;
};

static int load_protected(lua_State *lua) {
  struct load_request *request = lua_touserdata(lua, 1);
  load_body(lua, request->body, "@user_function");
  request->is_compiled = 1;
  lua_call(lua, 0, 0);
  return 0;
}

/// The text of the error at the top, popped.
static void take_error(taskd_lua *host, lua_State *lua, int is_compiled) {
  if (host->is_killed) {
    buffer_append_text(&host->reply, "ERR FUNCTION LOAD timeout");
  } else if (lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    size_t count = 0;
    const char *text = lua_type(lua, -1) == LUA_TSTRING ? lua_tolstring(lua, -1, &count) : NULL;
    if (text) buffer_append(&host->reply, text, count);
  } else {
    size_t count = 0;
    const char *text = lua_tolstring(lua, -1, &count);
    if (is_compiled) buffer_append_text(&host->reply, "ERR ");
    if (text) buffer_append(&host->reply, text, count);
  }
  lua_settop(lua, 0);
}

taskd_lua_load taskd_lua_load_library(taskd_lua *host, taskd_lua_bytes body, int64_t microseconds_max,
                                      taskd_lua_bytes *error) {
  lua_State *lua = host->lua;
  struct load_request request = {host, body, 0};
  const taskd_lua_run run = {.microseconds_max = microseconds_max};
  buffer_reset(&host->reply);
  host_begin_run(host, &run);
  host->is_loading = 1;
  set_globals(lua, host->library_globals);
  int status = lua_cpcall(lua, load_protected, &request);
  lua_sethook(lua, NULL, 0, 0);
  set_globals(lua, host->real_globals);
  host->is_loading = 0;
  if (status != 0) take_error(host, lua, request.is_compiled);
  host->run = NULL;
  host_collect(host);
  error->base = host->reply.base ? host->reply.base : "";
  error->count = host->reply.count;
  if (status == 0) return taskd_lua_loaded;
  return request.is_compiled ? taskd_lua_not_registered : taskd_lua_not_compiled;
}
