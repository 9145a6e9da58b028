// One run of a script, what becomes of its errors, and compiling.
// Next: convert.c (its reply), api.c (what it calls).
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: Errors

enum { killed_text_bytes = 128 };

/// Without Lua's memory: there may be none.
static void write_killed(const taskd_lua *host, char *text) {
  snprintf(text, killed_text_bytes, "Script killed: it ran for longer than %lld milliseconds",
           (long long)(host->run->microseconds_max / 1000));
}

void push_killed(taskd_lua *host, lua_State *lua) {
  char text[killed_text_bytes];
  write_killed(host, text);
  luaL_where(lua, 1);
  lua_pushstring(lua, text);
  lua_concat(lua, 2);
}

/// Makes an error into a table with its text and the place in the script where it came from.
static int describe_error(lua_State *lua) {
  lua_settop(lua, 1);
  if (!lua_istable(lua, 1)) {
    lua_newtable(lua);
    size_t count = 0;
    const char *text = lua_tolstring(lua, 1, &count);
    if (text) {
      lua_pushliteral(lua, "ERR ");
      lua_pushvalue(lua, 1);
      lua_concat(lua, 2);
    } else {
      lua_pushfstring(lua, "ERR %s", lua_isnil(lua, 1) ? "nil" : luaL_typename(lua, 1));
    }
    lua_setfield(lua, 2, "err");
  }
  // Level 1 raised the error; when that is a C function, the script's line is one further up. What compares for
  // `table.sort` is a part of it.
  lua_Debug record;
  int level = 1;
  int found = lua_getstack(lua, level, &record) && lua_getinfo(lua, "Slf", &record);
  if (found) {
    if (lua_tocfunction(lua, -1) == table_order) level++;
    lua_pop(lua, 1);
    if (record.what[0] == 'C') found = lua_getstack(lua, level + 1, &record) && lua_getinfo(lua, "Sl", &record);
  }
  if (found) {
    lua_pushliteral(lua, "source");
    lua_pushstring(lua, record.source);
    lua_rawset(lua, -3);
    lua_pushliteral(lua, "line");
    lua_pushinteger(lua, record.currentline);
    lua_rawset(lua, -3);
  }
  return 1;
}

/// Appends the reply for the error at the top and pops it.
static void append_script_error(taskd_lua *host, lua_State *lua) {
  host->result->failed = 1;
  int error = lua_gettop(lua);
  if (!lua_istable(lua, error)) {
    // Raised where the handler could not run: out of memory, or given none since the time was over.
    size_t count = 0;
    const char *text = lua_tolstring(lua, error, &count);
    char killed[killed_text_bytes];
    host_buffer line = {0};
    buffer_append_text(&line, "ERR Error running script: ");
    if (host->is_killed) {
      write_killed(host, killed);
      buffer_append_text(&line, killed);
    } else if (text) {
      buffer_append(&line, text, count);
    }
    append_error(&host->reply, line.base, line.count);
    free(line.base);
    lua_settop(lua, error - 1);
    return;
  }
  host_buffer line = {0};
  size_t count = 0;
  lua_pushliteral(lua, "err");
  lua_rawget(lua, error);
  const char *text = lua_type(lua, -1) == LUA_TSTRING ? lua_tolstring(lua, -1, &count) : NULL;
  if (text) buffer_append(&line, text, count);
  else buffer_append_text(&line, "ERR unknown error");
  lua_pushliteral(lua, "source");
  lua_rawget(lua, error);
  lua_pushliteral(lua, "line");
  lua_rawget(lua, error);
  const char *source = lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : NULL;
  if (source && lua_isnumber(lua, -1)) {
    buffer_append_text(&line, " script: ");
    buffer_append(&line, host->run->name.base, host->run->name.count);
    buffer_append_text(&line, ", on ");
    buffer_append_text(&line, source);
    char digits[32];
    digits[0] = ':';
    int length = 1 + format_integer(digits + 1, (long long)lua_tointeger(lua, -1));
    buffer_append(&line, digits, (size_t)length);
    buffer_append_byte(&line, '.');
  }
  lua_pushliteral(lua, "ignore_error_stats_update");
  lua_rawget(lua, error);
  host->result->error_counted = lua_toboolean(lua, -1);
  append_error(&host->reply, line.base, line.count);
  free(line.base);
  lua_settop(lua, error - 1);
}

// MARK: Running

static void push_list(lua_State *lua, const taskd_lua_bytes *items, size_t count) {
  lua_createtable(lua, (int)count, 0);
  for (size_t index = 0; index < count; index++) {
    lua_pushlstring(lua, items[index].base, items[index].count);
    lua_rawseti(lua, -2, (int)index + 1);
  }
}

/// Sets a field of the table at the top.
static void set_list(lua_State *lua, const char *name, const taskd_lua_bytes *items, size_t count) {
  push_list(lua, items, count);
  lua_setfield(lua, -2, name);
}

/// Runs inside a protected call of its own: whatever is raised here is caught below it.
static int run_protected(lua_State *lua) {
  taskd_lua *host = host_of(lua);
  const taskd_lua_run *run = host->run;
  int passed = 0;
  if (host->has_functions) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, host->error_handler);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, run->reference);
    push_list(lua, run->keys, run->key_count);
    push_list(lua, run->arguments, run->argument_count);
    passed = 2;
  } else {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, host->real_globals);
    set_list(lua, "KEYS", run->keys, run->key_count);
    set_list(lua, "ARGV", run->arguments, run->argument_count);
    lua_settop(lua, 0);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, host->error_handler);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, run->reference);
  }
  if (lua_pcall(lua, passed, 1, 1) == 0) append_value(host, lua);
  else append_script_error(host, lua);
  return 0;
}

/// Drops what the run left in the globals. Outside of a protected call, so it must not allocate: `false`
/// keeps both fields, and with them their names, alive.
static void clear_lists(taskd_lua *host) {
  if (host->has_functions) return;
  lua_rawgeti(host->lua, LUA_REGISTRYINDEX, host->real_globals);
  lua_pushboolean(host->lua, 0);
  lua_setfield(host->lua, -2, "KEYS");
  lua_pushboolean(host->lua, 0);
  lua_setfield(host->lua, -2, "ARGV");
  lua_pop(host->lua, 1);
}

void prepare_runs(taskd_lua *host, lua_State *lua) {
  lua_pushcfunction(lua, describe_error);
  host->error_handler = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_pushcfunction(lua, run_protected);
  host->run_function = luaL_ref(lua, LUA_REGISTRYINDEX);
  if (host->has_functions) return;
  // So that the fields exist: see `clear_lists`.
  set_list(lua, "KEYS", NULL, 0);
  set_list(lua, "ARGV", NULL, 0);
}

void host_begin_run(taskd_lua *host, const taskd_lua_run *run) {
  host->run = run;
  host->is_killed = 0;
  host->is_due = 0;
  host->work = 0;
  host->deadline_microseconds = 0;
  if (run->microseconds_max > 0) {
    host->deadline_microseconds = host->callbacks.now_microseconds(host->callbacks.owner) + run->microseconds_max;
    lua_sethook(host->lua, on_count, LUA_MASKCOUNT, host->limits.instructions_per_check);
  }
}

void taskd_lua_execute(taskd_lua *host, const taskd_lua_run *run, taskd_lua_result *result) {
  lua_State *lua = host->lua;
  memset(result, 0, sizeof *result);
  buffer_reset(&host->reply);
  host->result = result;
  host->script_resp_version = 2;
  json_reset(host->json);
  host_begin_run(host, run);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, host->run_function);
  if (lua_pcall(lua, 0, 0, 0) != 0) {
    // Arguments or reply did not fit in memory, or the script was killed while its reply was made.
    host->reply.count = 0;
    lua_sethook(lua, NULL, 0, 0);
    append_script_error(host, lua);
  }
  lua_sethook(lua, NULL, 0, 0);
  lua_settop(lua, 0);
  clear_lists(host);
  host_collect(host);
  host->run = NULL;
  host->result = NULL;
  result->reply.base = host->reply.base;
  result->reply.count = host->reply.count;
}

// MARK: Compiling

struct compile_request {
  taskd_lua *host;
  taskd_lua_bytes body;
  int reference;
};

void load_body(lua_State *lua, taskd_lua_bytes body, const char *name) {
  const char *text = body.base;
  size_t count = body.count;
  // A first line that begins with "#!" names the engine; its line break stays, so that lines count right.
  if (count >= 2 && text[0] == '#' && text[1] == '!') {
    const char *end = memchr(text, '\n', count);
    if (end) {
      count -= (size_t)(end - text);
      text = end;
    }
  }
  if (count && text[0] == LUA_SIGNATURE[0]) luaL_error(lua, "byte code is not loaded");
  if (luaL_loadbuffer(lua, text, count, name) != 0) lua_error(lua);
}

static int compile_protected(lua_State *lua) {
  struct compile_request *request = lua_touserdata(lua, 1);
  load_body(lua, request->body, "@user_script");
  request->reference = luaL_ref(lua, LUA_REGISTRYINDEX);
  return 0;
}

int taskd_lua_compile(taskd_lua *host, taskd_lua_bytes body, taskd_lua_bytes *error) {
  struct compile_request request = {host, body, 0};
  buffer_reset(&host->reply);
  if (lua_cpcall(host->lua, compile_protected, &request) != 0) {
    size_t count = 0;
    const char *text = lua_tolstring(host->lua, -1, &count);
    if (text) buffer_append(&host->reply, text, count);
    lua_settop(host->lua, 0);
    error->base = host->reply.base ? host->reply.base : "";
    error->count = host->reply.count;
    return 0;
  }
  return request.reference;
}

void taskd_lua_release(taskd_lua *host, int reference) { luaL_unref(host->lua, LUA_REGISTRYINDEX, reference); }

