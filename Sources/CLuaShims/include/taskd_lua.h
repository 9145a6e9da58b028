// The Lua host: one sandboxed interpreter that runs the store's scripts.
//
// Why C: Lua reports errors with longjmp, which must never cross a Swift frame. Every call into Lua, every
// function a script can call and every conversion between RESP and Lua values is therefore in this target;
// Swift hands bytes in and takes bytes out. The one call that goes the other way, `command`, runs Swift code
// that never touches the interpreter, so no error can start below it.
//
// One thread. Next: host.c (the interpreter), sandbox.c, run.c, functions.c, api.c (`redis.*`), convert.c (RESP ↔ Lua values).
#ifndef TASKD_LUA_H
#define TASKD_LUA_H

#include <stddef.h>
#include <stdint.h>

typedef struct taskd_lua taskd_lua;

/// Borrowed bytes.
typedef struct taskd_lua_bytes {
  const void *base;
  size_t count;
} taskd_lua_bytes;

/// A function that a library registers while it is loaded.
typedef struct taskd_lua_function {
  taskd_lua_bytes name;
  /// NULL when there is none.
  taskd_lua_bytes description;
  /// What the owner's `function_flag` has answered, together.
  unsigned flags;
  /// For runs, until it is released.
  int reference;
} taskd_lua_function;

/// What the interpreter asks of its owner.
typedef struct taskd_lua_callbacks {
  void *owner;
  /// Runs one command. The reply is RESP in the version asked for and stays valid until the next call.
  taskd_lua_bytes (*command)(void *owner, const taskd_lua_bytes *arguments, size_t count, int resp_version);
  /// Whether the script's user may run the command: 1 yes, 0 no, -1 no such command.
  int (*may_run)(void *owner, const taskd_lua_bytes *arguments, size_t count);
  /// `redis.log`: level 0 (debug) to 3 (warning).
  void (*log)(void *owner, int level, taskd_lua_bytes text);
  /// 40 lower-case hexadecimal digits of the bytes' SHA-1.
  void (*sha1_hex)(void *owner, taskd_lua_bytes bytes, char *out);
  /// Monotonic microseconds, for the time limit.
  int64_t (*now_microseconds)(void *owner);
  /// `redis.register_function`: NULL, or why not.
  const char *(*register_function)(void *owner, const taskd_lua_function *function);
  /// The bit for a flag of this name; 0: there is none.
  unsigned (*function_flag)(void *owner, taskd_lua_bytes name);
} taskd_lua_callbacks;

/// Bounds of one interpreter.
typedef struct taskd_lua_limits {
  /// Everything the interpreter may allocate.
  size_t memory_bytes_max;
  /// Nesting of a reply made from tables.
  int reply_depth_max;
  /// Bytes of a reply, and of JSON text that is being made.
  size_t text_bytes_max;
  /// Items of a pattern that wait for what follows them.
  int pattern_depth_max;
  /// Virtual machine instructions between two looks at the clock.
  int instructions_per_check;
} taskd_lua_limits;

/// NULL when memory is short. `version` is what `redis.REDIS_VERSION` says, `version_number` its
/// 0x00MMmmpp form. An interpreter runs either scripts or the functions of libraries.
taskd_lua *taskd_lua_create(taskd_lua_callbacks callbacks, taskd_lua_limits limits, const char *version,
                            int version_number, uint32_t random_seed, int has_functions);
void taskd_lua_destroy(taskd_lua *host);

/// Bytes the interpreter has allocated.
size_t taskd_lua_memory_bytes(const taskd_lua *host);

/// Compiles `body`. Returns a reference above 0, or 0 with the compiler's message in `error`, valid until
/// the next call.
int taskd_lua_compile(taskd_lua *host, taskd_lua_bytes body, taskd_lua_bytes *error);
/// Forgets a compiled script or a function.
void taskd_lua_release(taskd_lua *host, int reference);

typedef enum taskd_lua_load { taskd_lua_loaded, taskd_lua_not_compiled, taskd_lua_not_registered } taskd_lua_load;

/// Runs the text of a library, which registers its functions. `microseconds_max` 0: as long as it takes. If it fails,
/// `error` says why, until the next call; what it has registered by then is the owner's to release.
taskd_lua_load taskd_lua_load_library(taskd_lua *host, taskd_lua_bytes body, int64_t microseconds_max,
                                      taskd_lua_bytes *error);

/// One run of a script or function.
typedef struct taskd_lua_run {
  int reference;
  /// For error texts: the script's SHA-1, 40 digits, or the function's name.
  taskd_lua_bytes name;
  const taskd_lua_bytes *keys;
  size_t key_count;
  const taskd_lua_bytes *arguments;
  size_t argument_count;
  /// Protocol of the client that gets the reply: 2 or 3.
  int client_resp_version;
  /// The run is ended by force after this long; 0: never.
  int64_t microseconds_max;
} taskd_lua_run;

typedef struct taskd_lua_result {
  /// RESP in the client's protocol; valid until the next call.
  taskd_lua_bytes reply;
  /// The reply is an error that ended the script (not one that it returned).
  int failed;
  /// The error came from a command that has been counted already.
  int error_counted;
} taskd_lua_result;

/// The owner has seen the run's time run out while it ran a command: the next one looks at the clock.
void taskd_lua_expire(taskd_lua *host);

void taskd_lua_execute(taskd_lua *host, const taskd_lua_run *run, taskd_lua_result *result);

#endif
