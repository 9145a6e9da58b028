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
  /// What was left after the last collection that was not Lua's own idea.
  size_t collected_bytes;

  /// Registry references to what each run needs.
  int real_globals;
  int error_handler;
  int run_function;

  /// It runs functions, not scripts.
  int has_functions;
  /// What libraries see while they are loaded.
  int library_globals;
  int is_loading;

  /// The run in progress.
  const taskd_lua_run *run;
  int script_resp_version;
  int64_t deadline_microseconds;
  int is_killed;
  /// The owner has seen the time run out.
  int is_due;
  /// What has been done since the last look at the clock that instructions do not show, in instructions.
  size_t work;
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

/// Raises when the run's time is over.
void host_check_time(taskd_lua *host, lua_State *lua);
/// Frees what a run has left, if it is much.
void host_collect(taskd_lua *host);
/// Called by Lua every so many instructions.
void on_count(lua_State *lua, lua_Debug *record);
/// Notes work of C functions, worth so many instructions, and looks at the clock when there was enough of it.
static inline void host_charge(taskd_lua *host, lua_State *lua, size_t work) {
  host->work += work;
  if (host->work >= (size_t)host->limits.instructions_per_check) host_check_time(host, lua);
}

/// Whether the value at `index` is one of the sandbox's read-only tables.
int is_protected(lua_State *lua, int index);
/// Replaces the table at the top by a read-only stand-in for it.
void push_protected(lua_State *lua);
int refuse_write(lua_State *lua);
/// Fills the table of globals at this index with the base library.
void open_base(lua_State *lua, int globals);
void refuse_unknown_globals(lua_State *lua, int globals);

// libraries.c and pattern.c: each changes the library at the top.
void replace_table_functions(lua_State *lua);
/// `<`, for `table.sort`.
int table_order(lua_State *lua);
void replace_string_functions(lua_State *lua);
void replace_pattern_functions(lua_State *lua);
void replace_math_functions(lua_State *lua);
void seed_random(taskd_lua *host, uint32_t seed);

// run.c
/// With the real globals at index 1.
void prepare_runs(taskd_lua *host, lua_State *lua);
/// Starts the clock.
void host_begin_run(taskd_lua *host, const taskd_lua_run *run);
/// Pushes the compiled text, whose first line is left out when it names the engine.
void load_body(lua_State *lua, taskd_lua_bytes body, const char *name);
/// Pushes why a script was ended by force.
void push_killed(taskd_lua *host, lua_State *lua);

int format_integer(char *text, long long value);
/// `text` as a number's digits, as Redis passes numbers to commands. Returns its length; needs 32 bytes.
int format_number(char *text, double value);

// api.c
void open_redis(lua_State *lua, taskd_lua *host, const char *version, int version_number);
/// Adds `log`, its levels and the version to the table at the top.
void set_log(lua_State *lua, const char *version, int version_number);
/// Raises a text of our own.
int raise_error(lua_State *lua, const char *text);

// functions.c
void open_libraries(lua_State *lua, taskd_lua *host, const char *version, int version_number);

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
