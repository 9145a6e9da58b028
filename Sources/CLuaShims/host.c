// The interpreter's life: its memory and time, and what scripts find in it.
// Next: sandbox.c, run.c, api.c.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

// MARK: Memory and time

/// Larger ones take so long to fill that the clock costs nothing.
enum { large_allocation = 1 << 20 };

static int is_out_of_time(taskd_lua *host) {
  if (!host->run || !host->deadline_microseconds) return 0;
  if (!host->is_killed && host->callbacks.now_microseconds(host->callbacks.owner) >= host->deadline_microseconds) {
    host->is_killed = 1;
  }
  return host->is_killed;
}

static void *allocate(void *opaque, void *old, size_t old_size, size_t new_size) {
  taskd_lua *host = opaque;
  if (!old) old_size = 0;
  if (new_size == 0) {
    free(old);
    host->memory_bytes -= old_size;
    return NULL;
  }
  // Shrinking never fails: Lua counts on it.
  if (new_size > old_size) {
    if (host->memory_bytes + (new_size - old_size) > host->limits.memory_bytes_max) return NULL;
    // A few instructions can fill much memory again and again: once the time is over they get no more.
    if (new_size >= large_allocation && is_out_of_time(host)) return NULL;
  }
  void *fresh = realloc(old, new_size);
  if (fresh) host->memory_bytes = host->memory_bytes - old_size + new_size;
  return fresh;
}

void host_collect(taskd_lua *host) {
  // Lua waits until its memory has doubled, which may be more than it ever gets: then nothing more would run.
  if (host->memory_bytes < host->collected_bytes + host->limits.memory_bytes_max / 4) return;
  lua_gc(host->lua, LUA_GCCOLLECT, 0);
  host->collected_bytes = host->memory_bytes;
}

taskd_lua *host_of(lua_State *lua) {
  void *opaque;
  lua_getallocf(lua, &opaque);
  return opaque;
}

void on_count(lua_State *lua, lua_Debug *record) {
  (void)record;
  host_check_time(host_of(lua), lua);
}

void host_check_time(taskd_lua *host, lua_State *lua) {
  host->work = 0;
  if (!is_out_of_time(host)) return;
  // From now on every instruction raises again, so that `pcall` cannot catch the end.
  lua_sethook(lua, on_count, LUA_MASKCOUNT, 1);
  push_killed(host, lua);
  lua_error(lua);
}

void taskd_lua_expire(taskd_lua *host) { host->is_due = 1; }

static int on_panic(lua_State *lua) {
  // Only reached when an error is raised outside of every protected call: our own bug.
  fprintf(stderr, "taskd: unprotected Lua error: %s\n", lua_tostring(lua, -1));
  abort();
}

// MARK: Setting up

static void open_library(lua_State *lua, lua_CFunction open, const char *name) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

struct setup_request {
  taskd_lua *host;
  const char *version;
  int version_number;
};

static int setup(lua_State *lua) {
  struct setup_request *request = lua_touserdata(lua, 1);
  taskd_lua *host = request->host;
  lua_settop(lua, 0);
  open_library(lua, luaopen_base, "");
  open_library(lua, luaopen_table, LUA_TABLIBNAME);
  open_library(lua, luaopen_string, LUA_STRLIBNAME);
  open_library(lua, luaopen_math, LUA_MATHLIBNAME);
  open_library(lua, luaopen_os, LUA_OSLIBNAME);

  lua_newtable(lua);
  const int real = 1;
  open_base(lua, real);

  lua_getglobal(lua, "coroutine");
  push_protected(lua);
  lua_setfield(lua, real, "coroutine");

  lua_getglobal(lua, LUA_TABLIBNAME);
  replace_table_functions(lua);
  push_protected(lua);
  lua_setfield(lua, real, "table");

  lua_getglobal(lua, LUA_STRLIBNAME);
  replace_string_functions(lua);
  push_protected(lua);
  lua_setfield(lua, real, "string");
  // Strings reach the real library through their metatable; the metatable itself is hidden.
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_newtable(lua);
  lua_getfield(lua, real, "string");
  lua_setfield(lua, -2, "__index");
  push_protected(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);

  lua_getglobal(lua, LUA_MATHLIBNAME);
  replace_math_functions(lua);
  push_protected(lua);
  lua_setfield(lua, real, "math");

  // Of `os`, only the processor time that Redis shows.
  lua_newtable(lua);
  lua_getglobal(lua, LUA_OSLIBNAME);
  lua_getfield(lua, -1, "clock");
  lua_setfield(lua, -3, "clock");
  lua_pop(lua, 1);
  push_protected(lua);
  lua_setfield(lua, real, "os");

  open_bit(lua);
  push_protected(lua);
  lua_setfield(lua, real, "bit");
  open_json(lua, &host->json);
  push_protected(lua);
  lua_setfield(lua, real, "cjson");
  open_msgpack(lua);
  push_protected(lua);
  lua_setfield(lua, real, "cmsgpack");
  open_struct(lua);
  push_protected(lua);
  lua_setfield(lua, real, "struct");
  open_redis(lua, host, request->version, request->version_number);
  push_protected(lua);
  lua_setfield(lua, real, "redis");

  // The real globals raise for what they do not have; their stand-in becomes the scripts' environment.
  refuse_unknown_globals(lua, real);
  lua_pushvalue(lua, real);
  push_protected(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, real, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);

  lua_pushvalue(lua, real);
  host->real_globals = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_settop(lua, 1);
  if (host->has_functions) open_libraries(lua, host, request->version, request->version_number);
  prepare_runs(host, lua);
  return 0;
}

taskd_lua *taskd_lua_create(taskd_lua_callbacks callbacks, taskd_lua_limits limits, const char *version,
                            int version_number, uint32_t random_seed, int has_functions) {
  taskd_lua *host = calloc(1, sizeof *host);
  if (!host) return NULL;
  host->callbacks = callbacks;
  host->limits = limits;
  host->has_functions = has_functions;
  seed_random(host, random_seed);
  host->lua = lua_newstate(allocate, host);
  if (!host->lua) {
    free(host);
    return NULL;
  }
  lua_atpanic(host->lua, on_panic);
  struct setup_request request = {host, version, version_number};
  if (lua_cpcall(host->lua, setup, &request) != 0) {
    fprintf(stderr, "taskd: the Lua host does not start: %s\n", lua_tostring(host->lua, -1));
    taskd_lua_destroy(host);
    return NULL;
  }
  return host;
}

void taskd_lua_destroy(taskd_lua *host) {
  lua_close(host->lua);
  free(host->reply.base);
  free(host->call_arguments);
  free(host->call_numbers);
  free(host);
}

size_t taskd_lua_memory_bytes(const taskd_lua *host) { return host->memory_bytes; }
