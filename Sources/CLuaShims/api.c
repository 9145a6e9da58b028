// What scripts call on `redis`: commands, replies, logging, hashing.
// Errors of commands are tables `{err = "CODE text"}`; `redis.call` raises them, `redis.pcall` returns them.
// Next: convert.c.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/// Pushes `{err = text}`. Where `text` has no code in front, "ERR" becomes it; a leading '-' goes.
static void push_error(lua_State *lua, const char *text, size_t count) {
  if (count && text[0] == '-') {
    text++;
    count--;
  }
  while (count && (text[count - 1] == '\r' || text[count - 1] == '\n')) count--;
  lua_createtable(lua, 0, 2);
  lua_pushliteral(lua, "err");
  if (memchr(text, ' ', count)) {
    lua_pushlstring(lua, text, count);
  } else {
    lua_pushliteral(lua, "ERR ");
    lua_pushlstring(lua, text, count);
    lua_concat(lua, 2);
  }
  lua_rawset(lua, -3);
}

/// Raises one of our own texts, which come without a code.
int raise_error(lua_State *lua, const char *text) {
  lua_createtable(lua, 0, 1);
  lua_pushliteral(lua, "err");
  lua_pushfstring(lua, "ERR %s", text);
  lua_rawset(lua, -3);
  return lua_error(lua);
}

/// Returns the error or raises it. A command that failed has been counted as failed already.
static int fail_command(lua_State *lua, int raises, const char *text, size_t count) {
  push_error(lua, text, count);
  lua_pushliteral(lua, "ignore_error_stats_update");
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -3);
  return raises ? lua_error(lua) : 1;
}

static int fail_call(lua_State *lua, int raises, const char *text) {
  push_error(lua, text, strlen(text));
  return raises ? lua_error(lua) : 1;
}

enum { number_bytes = 32 };

/// Gathers the arguments of a command in the host's array; NULL or why not. They point into Lua strings on
/// the stack, which live as long as the call.
static const char *gather_arguments(lua_State *lua, taskd_lua *host, int count) {
  if (count == 0) return "ERR Please specify at least one argument for this redis lib call";
  if ((size_t)count > host->call_capacity) {
    size_t capacity = host->call_capacity ? host->call_capacity : 16;
    while (capacity < (size_t)count) capacity *= 2;
    free(host->call_arguments);
    free(host->call_numbers);
    host->call_arguments = malloc(capacity * sizeof *host->call_arguments);
    host->call_numbers = malloc(capacity * number_bytes);
    if (!host->call_arguments || !host->call_numbers) abort();
    host->call_capacity = capacity;
  }
  for (int index = 0; index < count; index++) {
    taskd_lua_bytes *argument = host->call_arguments + index;
    switch (lua_type(lua, index + 1)) {
    case LUA_TSTRING: argument->base = lua_tolstring(lua, index + 1, &argument->count); break;
    case LUA_TNUMBER: {
      char *text = host->call_numbers + (size_t)index * number_bytes;
      argument->base = text;
      argument->count = (size_t)format_number(text, lua_tonumber(lua, index + 1));
      break;
    }
    default: return "ERR Lua redis lib command arguments must be strings or integers";
    }
  }
  return NULL;
}

static int run_command(lua_State *lua, int raises) {
  taskd_lua *host = host_of(lua);
  // Few instructions can be much work when they are commands; the clock is not free either.
  if (host->is_killed || host->is_due || (++host->command_count & 31) == 0) host_check_time(host, lua);
  int count = lua_gettop(lua);
  const char *refusal = gather_arguments(lua, host, count);
  if (refusal) return fail_call(lua, raises, refusal);
  taskd_lua_bytes reply = host->callbacks.command(host->callbacks.owner, host->call_arguments, (size_t)count,
                                                  host->script_resp_version);
  const char *text = reply.base;
  if (reply.count && text[0] == '-') return fail_command(lua, raises, text, reply.count);
  lua_settop(lua, 0);
  push_reply(lua, reply);
  return 1;
}

static int redis_call(lua_State *lua) { return run_command(lua, 1); }

static int redis_pcall(lua_State *lua) { return run_command(lua, 0); }

static int redis_error_reply(lua_State *lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    // Not raised: a script that builds its error wrongly still gets to return one.
    return fail_call(lua, 0, "ERR wrong number or type of arguments");
  }
  size_t count;
  const char *text = lua_tolstring(lua, 1, &count);
  push_error(lua, text, count);
  return 1;
}

static int redis_status_reply(lua_State *lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) return redis_error_reply(lua);
  lua_createtable(lua, 0, 1);
  lua_pushliteral(lua, "ok");
  lua_pushvalue(lua, 1);
  lua_rawset(lua, -3);
  return 1;
}

static int redis_sha1hex(lua_State *lua) {
  if (lua_gettop(lua) != 1) return raise_error(lua, "wrong number of arguments");
  taskd_lua *host = host_of(lua);
  taskd_lua_bytes bytes;
  bytes.base = lua_tolstring(lua, 1, &bytes.count);
  if (!bytes.base) bytes.base = "";
  host_charge(host, lua, bytes.count / 4);
  char digits[40];
  host->callbacks.sha1_hex(host->callbacks.owner, bytes, digits);
  lua_pushlstring(lua, digits, sizeof digits);
  return 1;
}

static int redis_log(lua_State *lua) {
  int count = lua_gettop(lua);
  if (count < 2) return raise_error(lua, "redis.log() requires two arguments or more.");
  if (!lua_isnumber(lua, 1)) return raise_error(lua, "First argument must be a number (log level).");
  int level = (int)lua_tointeger(lua, 1);
  if (level < 0 || level > 3) return raise_error(lua, "Invalid debug level.");
  taskd_lua *host = host_of(lua);
  luaL_Buffer text;
  luaL_buffinit(lua, &text);
  for (int index = 2; index <= count; index++) {
    size_t length;
    const char *part = lua_tolstring(lua, index, &length);
    if (!part) continue;
    if (index > 2) luaL_addchar(&text, ' ');
    luaL_addlstring(&text, part, length);
  }
  luaL_pushresult(&text);
  taskd_lua_bytes bytes;
  bytes.base = lua_tolstring(lua, -1, &bytes.count);
  host->callbacks.log(host->callbacks.owner, level, bytes);
  return 0;
}

static int redis_setresp(lua_State *lua) {
  if (lua_gettop(lua) != 1) return raise_error(lua, "redis.setresp() requires one argument.");
  int version = (int)lua_tonumber(lua, 1);
  if (version != 2 && version != 3) return raise_error(lua, "RESP version must be 2 or 3.");
  host_of(lua)->script_resp_version = version;
  return 0;
}

/// Effects are what is journaled, always; so there is nothing to switch on.
static int redis_replicate_commands(lua_State *lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

/// Checked and otherwise without effect: memory and log never differ here.
static int redis_set_repl(lua_State *lua) {
  if (lua_gettop(lua) != 1) return raise_error(lua, "redis.set_repl() requires two arguments.");
  int flags = (int)lua_tonumber(lua, 1);
  if (flags & ~3) {
    return raise_error(lua, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  return 0;
}

static int redis_breakpoint(lua_State *lua) {
  lua_pushboolean(lua, 0);
  return 1;
}

static int redis_debug(lua_State *lua) {
  (void)lua;
  return 0;
}

static int redis_acl_check_cmd(lua_State *lua) {
  taskd_lua *host = host_of(lua);
  int count = lua_gettop(lua);
  const char *refusal = gather_arguments(lua, host, count);
  if (refusal) return fail_call(lua, 1, refusal);
  int answer = host->callbacks.may_run(host->callbacks.owner, host->call_arguments, (size_t)count);
  if (answer < 0) return raise_error(lua, "Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(lua, answer);
  return 1;
}

void set_log(lua_State *lua, const char *version, int version_number) {
  static const char *const levels[] = {"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"};
  lua_pushcfunction(lua, redis_log);
  lua_setfield(lua, -2, "log");
  for (int level = 0; level < 4; level++) {
    lua_pushinteger(lua, level);
    lua_setfield(lua, -2, levels[level]);
  }
  lua_pushstring(lua, version);
  lua_setfield(lua, -2, "REDIS_VERSION");
  lua_pushinteger(lua, version_number);
  lua_setfield(lua, -2, "REDIS_VERSION_NUM");
}

void open_redis(lua_State *lua, taskd_lua *host, const char *version, int version_number) {
  static const luaL_Reg functions[] = {{"call", redis_call},
                                       {"pcall", redis_pcall},
                                       {"error_reply", redis_error_reply},
                                       {"status_reply", redis_status_reply},
                                       {"sha1hex", redis_sha1hex},
                                       {"setresp", redis_setresp},
                                       {"set_repl", redis_set_repl},
                                       {"acl_check_cmd", redis_acl_check_cmd},
                                       {NULL, NULL}};
  static const luaL_Reg script_functions[] = {{"replicate_commands", redis_replicate_commands},
                                              {"breakpoint", redis_breakpoint},
                                              {"debug", redis_debug},
                                              {NULL, NULL}};
  static const struct {
    const char *name;
    int value;
  } constants[] = {{"REPL_NONE", 0}, {"REPL_AOF", 1}, {"REPL_SLAVE", 2}, {"REPL_REPLICA", 2}, {"REPL_ALL", 3}};
  lua_newtable(lua);
  luaL_register(lua, NULL, functions);
  if (!host->has_functions) luaL_register(lua, NULL, script_functions);
  for (size_t index = 0; index < sizeof constants / sizeof *constants; index++) {
    lua_pushinteger(lua, constants[index].value);
    lua_setfield(lua, -2, constants[index].name);
  }
  set_log(lua, version, version_number);
}
