// Shared by the files of the Lua host; not for Swift.
#ifndef TASKD_LUA_INTERNAL_H
#define TASKD_LUA_INTERNAL_H

#include "taskd_lua.h"

#include <lua5.1/lauxlib.h>
#include <lua5.1/lua.h>
#include <lua5.1/lualib.h>

/// Growing bytes outside of Lua's memory. Running out of memory ends the process, as in Swift.
typedef struct host_buffer {
  char *base;
  size_t count;
  size_t capacity;
} host_buffer;

void buffer_reserve(host_buffer *buffer, size_t more);
void buffer_append(host_buffer *buffer, const void *bytes, size_t count);
void buffer_append_text(host_buffer *buffer, const char *text);
void buffer_append_byte(host_buffer *buffer, char byte);
/// Prefix byte, number, CR LF: the head of nearly every RESP value.
void buffer_append_head(host_buffer *buffer, char prefix, long long number);
/// Forgets the contents; gives the memory back too if there is much of it.
void buffer_reset(host_buffer *buffer);

typedef struct json_config json_config;

struct taskd_lua {
  lua_State *lua;
  taskd_lua_callbacks callbacks;
  taskd_lua_limits limits;
  size_t memory_bytes;

  /// Registry references to what each run needs.
  int real_globals;
  int error_handler;
  int run_function;

  /// The run in progress.
  const taskd_lua_run *run;
  int script_resp_version;
  int64_t deadline_microseconds;
  int is_killed;
  unsigned command_count;
  taskd_lua_result *result;

  host_buffer reply;
  taskd_lua_bytes *call_arguments;
  size_t call_capacity;
  char *call_numbers;

  unsigned short random_state[3];
  json_config *json;
};

/// The host that a Lua state belongs to.
taskd_lua *host_of(lua_State *lua);

/// Raises when the run's time is over; called by the count hook and before every command.
void host_check_time(taskd_lua *host, lua_State *lua);

/// Whether the value at `index` is one of the sandbox's read-only tables.
int is_protected(lua_State *lua, int index);
/// Replaces the table at the top by a read-only stand-in for it.
void push_protected(lua_State *lua);

/// `text` as a number's digits, as Redis passes numbers to commands. Returns its length; needs 32 bytes.
int format_number(char *text, double value);

// api.c
void open_redis(lua_State *lua, taskd_lua *host, const char *version, int version_number);

// convert.c
/// Pushes the value of one RESP reply.
void push_reply(lua_State *lua, taskd_lua_bytes reply);
/// Appends the value at the top, which it pops, as RESP to the host's reply.
void append_value(taskd_lua *host, lua_State *lua);
/// Appends an error line: line breaks become spaces.
void append_error(host_buffer *buffer, const char *text, size_t count);

// The libraries: each pushes its table.
int open_bit(lua_State *lua);
int open_json(lua_State *lua, json_config **shared);
void json_reset(json_config *config);
int open_msgpack(lua_State *lua);
int open_struct(lua_State *lua);

#endif
