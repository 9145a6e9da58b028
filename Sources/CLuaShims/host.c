// The interpreter's life, its sandbox, and one run of a script.
//
// The sandbox. Scripts share one interpreter, so nothing that a script does may stay behind. Their globals
// are an empty stand-in table: reading goes through `__index` to the real globals and on to a function that
// raises for unknown names; writing always raises. The libraries are behind such stand-ins too, and the
// functions that could reach around a metatable (`rawset`, `setmetatable`, `table.insert`) look for them.
// Byte code is never loaded: it can be forged into anything.
//
// Next: api.c, convert.c.
// For nrand48.
#define _DEFAULT_SOURCE 1
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char protected_key;

// MARK: Buffers

void buffer_reserve(host_buffer *buffer, size_t more) {
  if (buffer->capacity - buffer->count >= more) return;
  size_t larger = buffer->capacity ? buffer->capacity * 2 : 1024;
  while (larger - buffer->count < more) larger *= 2;
  char *base = realloc(buffer->base, larger);
  if (!base) abort();
  buffer->base = base;
  buffer->capacity = larger;
}

void buffer_append(host_buffer *buffer, const void *bytes, size_t count) {
  buffer_reserve(buffer, count);
  if (count) memcpy(buffer->base + buffer->count, bytes, count);
  buffer->count += count;
}

void buffer_append_text(host_buffer *buffer, const char *text) { buffer_append(buffer, text, strlen(text)); }

void buffer_append_byte(host_buffer *buffer, char byte) {
  buffer_reserve(buffer, 1);
  buffer->base[buffer->count++] = byte;
}

static int format_integer(char *text, long long value) {
  char digits[24];
  int count = 0, length = 0;
  unsigned long long rest = value < 0 ? 0ull - (unsigned long long)value : (unsigned long long)value;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  if (value < 0) text[length++] = '-';
  while (count) text[length++] = digits[--count];
  return length;
}

void buffer_append_head(host_buffer *buffer, char prefix, long long number) {
  buffer_reserve(buffer, 32);
  char *text = buffer->base + buffer->count;
  text[0] = prefix;
  int length = 1 + format_integer(text + 1, number);
  text[length] = '\r';
  text[length + 1] = '\n';
  buffer->count += (size_t)length + 2;
}

void buffer_reset(host_buffer *buffer) {
  if (buffer->capacity > 65536) {
    free(buffer->base);
    memset(buffer, 0, sizeof *buffer);
  }
  buffer->count = 0;
}

int format_number(char *text, double value) {
  // Within this range every whole number prints the same either way; −0 keeps its sign.
  if (value > -1e17 && value < 1e17 && value == (double)(long long)value && !(value == 0 && signbit(value))) {
    return format_integer(text, (long long)value);
  }
  return snprintf(text, 32, "%.17g", value);
}

// MARK: Memory and time

static void *allocate(void *opaque, void *old, size_t old_size, size_t new_size) {
  taskd_lua *host = opaque;
  if (!old) old_size = 0;
  if (new_size == 0) {
    free(old);
    host->memory_bytes -= old_size;
    return NULL;
  }
  // Shrinking never fails: Lua counts on it.
  if (new_size > old_size && host->memory_bytes + (new_size - old_size) > host->limits.memory_bytes_max) return NULL;
  void *fresh = realloc(old, new_size);
  if (fresh) host->memory_bytes = host->memory_bytes - old_size + new_size;
  return fresh;
}

taskd_lua *host_of(lua_State *lua) {
  void *opaque;
  lua_getallocf(lua, &opaque);
  return opaque;
}

static void on_count(lua_State *lua, lua_Debug *record) {
  (void)record;
  host_check_time(host_of(lua), lua);
}

void host_check_time(taskd_lua *host, lua_State *lua) {
  if (!host->run || !host->deadline_microseconds) return;
  if (!host->is_killed) {
    if (host->callbacks.now_microseconds(host->callbacks.owner) < host->deadline_microseconds) return;
    host->is_killed = 1;
  }
  // From now on every instruction raises again, so that `pcall` cannot catch the end.
  lua_sethook(lua, on_count, LUA_MASKCOUNT, 1);
  luaL_error(lua, "Script killed: it ran for longer than %d milliseconds",
             (int)(host->run->microseconds_max / 1000));
}

static int on_panic(lua_State *lua) {
  // Only reached when an error is raised outside of every protected call: our own bug.
  fprintf(stderr, "taskd: unprotected Lua error: %s\n", lua_tostring(lua, -1));
  abort();
}

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

static int refuse_write(lua_State *lua) { return luaL_error(lua, "Attempt to modify a readonly table"); }

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

/// `collectgarbage` without the options that would outlive the script.
static int base_collectgarbage(lua_State *lua) {
  static const char *const names[] = {"collect", "count", "step", "stop", "restart", "setpause", "setstepmul", NULL};
  int option = luaL_checkoption(lua, 1, "collect", names);
  int data = luaL_optint(lua, 2, 0);
  switch (option) {
  case 0: lua_pushnumber(lua, lua_gc(lua, LUA_GCCOLLECT, 0)); break;
  case 1: lua_pushnumber(lua, lua_gc(lua, LUA_GCCOUNT, 0) + lua_gc(lua, LUA_GCCOUNTB, 0) / 1024.0); break;
  case 2: lua_pushboolean(lua, lua_gc(lua, LUA_GCSTEP, data)); break;
  default: lua_pushnumber(lua, 0);
  }
  return 1;
}

/// Guards a function of Lua's own (upvalue 1) that writes into the table it gets, past metatables.
static int guarded_table_function(lua_State *lua) {
  if (lua_istable(lua, 1) && is_protected(lua, 1)) return refuse_write(lua);
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

/// `string.rep` that refuses what cannot be held, instead of trying.
static int string_rep(lua_State *lua) {
  size_t count;
  luaL_checklstring(lua, 1, &count);
  lua_Number times = luaL_checknumber(lua, 2);
  if (times > 0 && (double)count * times > (double)host_of(lua)->limits.memory_bytes_max) {
    return luaL_error(lua, "resulting string too large");
  }
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

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

static void seed_random(taskd_lua *host, uint32_t seed) {
  host->random_state[0] = 0x330E;
  host->random_state[1] = (unsigned short)seed;
  host->random_state[2] = (unsigned short)(seed >> 16);
}

static int math_randomseed(lua_State *lua) {
  seed_random(host_of(lua), (uint32_t)(int64_t)luaL_checknumber(lua, 1));
  return 0;
}

// MARK: Errors

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
  // Level 1 raised the error; when that is a C function, the script's line is one further up.
  lua_Debug record;
  int found = lua_getstack(lua, 1, &record) && lua_getinfo(lua, "Sl", &record);
  if (found && record.what[0] == 'C') found = lua_getstack(lua, 2, &record) && lua_getinfo(lua, "Sl", &record);
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
    // Raised where the handler could not run: out of memory.
    size_t count = 0;
    const char *text = lua_tolstring(lua, error, &count);
    host_buffer line = {0};
    buffer_append_text(&line, "ERR Error running script: ");
    if (text) buffer_append(&line, text, count);
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
    buffer_append(&line, host->run->sha.base, host->run->sha.count);
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

static void set_list(lua_State *lua, const char *name, const taskd_lua_bytes *items, size_t count) {
  lua_createtable(lua, (int)count, 0);
  for (size_t index = 0; index < count; index++) {
    lua_pushlstring(lua, items[index].base, items[index].count);
    lua_rawseti(lua, -2, (int)index + 1);
  }
  lua_setfield(lua, -2, name);
}

/// Runs inside a protected call of its own: whatever is raised here is caught below it.
static int run_protected(lua_State *lua) {
  taskd_lua *host = host_of(lua);
  const taskd_lua_run *run = host->run;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, host->real_globals);
  set_list(lua, "KEYS", run->keys, run->key_count);
  set_list(lua, "ARGV", run->arguments, run->argument_count);
  lua_settop(lua, 0);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, host->error_handler);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, run->reference);
  if (lua_pcall(lua, 0, 1, 1) == 0) append_value(host, lua);
  else append_script_error(host, lua);
  return 0;
}

/// Drops what the run left in the globals. Outside of a protected call, so it must not allocate: `false`
/// keeps both fields, and with them their names, alive.
static void clear_lists(taskd_lua *host) {
  lua_rawgeti(host->lua, LUA_REGISTRYINDEX, host->real_globals);
  lua_pushboolean(host->lua, 0);
  lua_setfield(host->lua, -2, "KEYS");
  lua_pushboolean(host->lua, 0);
  lua_setfield(host->lua, -2, "ARGV");
  lua_pop(host->lua, 1);
}

void taskd_lua_execute(taskd_lua *host, const taskd_lua_run *run, taskd_lua_result *result) {
  lua_State *lua = host->lua;
  memset(result, 0, sizeof *result);
  buffer_reset(&host->reply);
  host->run = run;
  host->result = result;
  host->script_resp_version = 2;
  host->is_killed = 0;
  host->deadline_microseconds = 0;
  json_reset(host->json);
  if (run->microseconds_max > 0) {
    host->deadline_microseconds = host->callbacks.now_microseconds(host->callbacks.owner) + run->microseconds_max;
    lua_sethook(lua, on_count, LUA_MASKCOUNT, host->limits.instructions_per_check);
  }
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

static int compile_protected(lua_State *lua) {
  struct compile_request *request = lua_touserdata(lua, 1);
  const char *text = request->body.base;
  size_t count = request->body.count;
  // A first line that begins with "#!" names the engine; its line break stays, so that lines count right.
  if (count >= 2 && text[0] == '#' && text[1] == '!') {
    const char *end = memchr(text, '\n', count);
    if (end) {
      count -= (size_t)(end - text);
      text = end;
    }
  }
  if (count && text[0] == LUA_SIGNATURE[0]) return luaL_error(lua, "byte code is not loaded");
  if (luaL_loadbuffer(lua, text, count, "@user_script") != 0) return lua_error(lua);
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

// MARK: Setting up

/// Names that scripts see of Lua's own base library.
static const char *const base_names[] = {
    "_VERSION", "assert",  "error",  "gcinfo",   "getmetatable", "ipairs",   "rawequal",
    "select",   "tonumber", "tostring", "type", "unpack",       "xpcall",   NULL};

static void open_library(lua_State *lua, lua_CFunction open, const char *name) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

static void wrap_function(lua_State *lua, const char *name, lua_CFunction wrapper) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, wrapper, 1);
  lua_setfield(lua, -2, name);
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
  for (const char *const *name = base_names; *name; name++) {
    lua_getglobal(lua, *name);
    lua_setfield(lua, real, *name);
  }
  static const luaL_Reg own[] = {
      {"pcall", base_pcall},       {"loadstring", base_loadstring},     {"load", base_load},
      {"rawset", base_rawset},     {"rawget", base_rawget},             {"setmetatable", base_setmetatable},
      {"next", base_next},         {"collectgarbage", base_collectgarbage}, {NULL, NULL}};
  luaL_register(lua, NULL, own);
  lua_getglobal(lua, "next");
  lua_pushcclosure(lua, base_pairs, 1);
  lua_setfield(lua, real, "pairs");

  lua_getglobal(lua, "coroutine");
  push_protected(lua);
  lua_setfield(lua, real, "coroutine");

  lua_getglobal(lua, LUA_TABLIBNAME);
  wrap_function(lua, "insert", guarded_table_function);
  wrap_function(lua, "remove", guarded_table_function);
  wrap_function(lua, "sort", guarded_table_function);
  push_protected(lua);
  lua_setfield(lua, real, "table");

  lua_getglobal(lua, LUA_STRLIBNAME);
  wrap_function(lua, "rep", string_rep);
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
  static const luaL_Reg random[] = {{"random", math_random}, {"randomseed", math_randomseed}, {NULL, NULL}};
  luaL_register(lua, NULL, random);
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
  lua_newtable(lua);
  lua_pushcfunction(lua, nonexistent_global);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, real);
  lua_pushvalue(lua, real);
  push_protected(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, real, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);

  lua_pushvalue(lua, real);
  host->real_globals = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_pushcfunction(lua, describe_error);
  host->error_handler = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_pushcfunction(lua, run_protected);
  host->run_function = luaL_ref(lua, LUA_REGISTRYINDEX);
  // So that the fields exist: see `clear_lists`.
  lua_settop(lua, 1);
  set_list(lua, "KEYS", NULL, 0);
  set_list(lua, "ARGV", NULL, 0);
  return 0;
}

taskd_lua *taskd_lua_create(taskd_lua_callbacks callbacks, taskd_lua_limits limits, const char *version,
                            int version_number, uint32_t random_seed) {
  taskd_lua *host = calloc(1, sizeof *host);
  if (!host) return NULL;
  host->callbacks = callbacks;
  host->limits = limits;
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
