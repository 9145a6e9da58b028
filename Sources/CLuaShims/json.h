// Shared by the files of library `cjson`.
#ifndef TASKD_LUA_JSON_H
#define TASKD_LUA_JSON_H

#include "internal.h"

struct json_config {
  int sparse_converts;
  int sparse_ratio;
  int sparse_safe;
  int encode_depth_max;
  int decode_depth_max;
  int encode_precision;
  /// 0: error, 1: as they are, 2: null.
  int encode_invalid_numbers;
  int decode_invalid_numbers;
  int keeps_buffer;
};

/// The module's settings: upvalue 1 of each of its functions.
json_config *json_config_of(lua_State *lua);
/// Bytes in a userdatum at the top, so that an error frees them with the garbage.
host_buffer *json_push_buffer(lua_State *lua);

int json_encode(lua_State *lua);
int json_decode(lua_State *lua);

#endif
