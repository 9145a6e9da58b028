// Library `cjson`: JSON text to Lua values and back, with the settings and the texts of errors that scripts
// written for Redis know (they match on some of them).
//
// Settings belong to a module object. The one that scripts see as `cjson` is set back before every run;
// `cjson.new()` makes another.
// Next: json_encode.c, json_decode.c.
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_reset(json_config *config) {
  *config = (json_config){.sparse_ratio = 2,
                          .sparse_safe = 10,
                          .encode_depth_max = 1000,
                          .decode_depth_max = 1000,
                          .encode_precision = 14,
                          .decode_invalid_numbers = 1,
                          .keeps_buffer = 1};
}

json_config *json_config_of(lua_State *lua) { return lua_touserdata(lua, lua_upvalueindex(1)); }

static int free_buffer(lua_State *lua) {
  host_buffer *buffer = lua_touserdata(lua, 1);
  free(buffer->base);
  buffer->base = NULL;
  return 0;
}

host_buffer *json_push_buffer(lua_State *lua) {
  host_buffer *buffer = lua_newuserdata(lua, sizeof *buffer);
  memset(buffer, 0, sizeof *buffer);
  if (luaL_newmetatable(lua, "taskd.buffer")) {
    lua_pushcfunction(lua, free_buffer);
    lua_setfield(lua, -2, "__gc");
  }
  lua_setmetatable(lua, -2);
  return buffer;
}

// MARK: Settings

static int integer_setting(lua_State *lua, int index, int *setting, int lowest, int highest) {
  if (!lua_isnil(lua, index)) {
    int value = (int)luaL_checkinteger(lua, index);
    char text[64];
    snprintf(text, sizeof text, "expected integer between %d and %d", lowest, highest);
    luaL_argcheck(lua, value >= lowest && value <= highest, index, text);
    *setting = value;
  }
  lua_pushinteger(lua, *setting);
  return 1;
}

/// A boolean, or one of `names` from 1 on... index 0 and 1 are "off" and "on".
static int choice_setting(lua_State *lua, int index, int *setting, const char *const *names) {
  static const char *const switches[] = {"off", "on", NULL};
  if (!names) names = switches;
  if (!lua_isnil(lua, index)) {
    if (lua_isboolean(lua, index)) *setting = lua_toboolean(lua, index);
    else *setting = luaL_checkoption(lua, index, NULL, names);
  }
  if (*setting < 2) lua_pushboolean(lua, *setting);
  else lua_pushstring(lua, names[*setting]);
  return 1;
}

static json_config *setting_arguments(lua_State *lua, int count) {
  luaL_argcheck(lua, lua_gettop(lua) <= count, count + 1, "found too many arguments");
  while (lua_gettop(lua) < count) lua_pushnil(lua);
  return json_config_of(lua);
}

static int json_encode_sparse_array(lua_State *lua) {
  json_config *config = setting_arguments(lua, 3);
  choice_setting(lua, 1, &config->sparse_converts, NULL);
  integer_setting(lua, 2, &config->sparse_ratio, 0, INT32_MAX);
  integer_setting(lua, 3, &config->sparse_safe, 0, INT32_MAX);
  return 3;
}

/// Deeper than this the recursion itself would be at risk.
enum { depth_limit = 16000 };

static int json_encode_max_depth(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  integer_setting(lua, 1, &config->encode_depth_max, 1, INT32_MAX);
  if (config->encode_depth_max > depth_limit) config->encode_depth_max = depth_limit;
  return 1;
}

static int json_decode_max_depth(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  integer_setting(lua, 1, &config->decode_depth_max, 1, INT32_MAX);
  if (config->decode_depth_max > depth_limit) config->decode_depth_max = depth_limit;
  return 1;
}

static int json_encode_number_precision(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  return integer_setting(lua, 1, &config->encode_precision, 1, 14);
}

static int json_encode_keep_buffer(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  return choice_setting(lua, 1, &config->keeps_buffer, NULL);
}

static int json_encode_invalid_numbers(lua_State *lua) {
  static const char *const names[] = {"off", "on", "null", NULL};
  json_config *config = setting_arguments(lua, 1);
  return choice_setting(lua, 1, &config->encode_invalid_numbers, names);
}

static int json_decode_invalid_numbers(lua_State *lua) {
  json_config *config = setting_arguments(lua, 1);
  return choice_setting(lua, 1, &config->decode_invalid_numbers, NULL);
}

static int json_new(lua_State *lua) {
  json_config *ignored;
  return open_json(lua, &ignored);
}

int open_json(lua_State *lua, json_config **shared) {
  static const luaL_Reg functions[] = {{"encode", json_encode},
                                       {"decode", json_decode},
                                       {"encode_sparse_array", json_encode_sparse_array},
                                       {"encode_max_depth", json_encode_max_depth},
                                       {"decode_max_depth", json_decode_max_depth},
                                       {"encode_number_precision", json_encode_number_precision},
                                       {"encode_keep_buffer", json_encode_keep_buffer},
                                       {"encode_invalid_numbers", json_encode_invalid_numbers},
                                       {"decode_invalid_numbers", json_decode_invalid_numbers},
                                       {"new", json_new},
                                       {NULL, NULL}};
  lua_newtable(lua);
  json_config *config = lua_newuserdata(lua, sizeof *config);
  json_reset(config);
  for (const luaL_Reg *function = functions; function->name; function++) {
    lua_pushvalue(lua, -1);
    lua_pushcclosure(lua, function->func, 1);
    lua_setfield(lua, -3, function->name);
  }
  lua_pop(lua, 1);
  lua_pushlightuserdata(lua, NULL);
  lua_setfield(lua, -2, "null");
  lua_pushliteral(lua, "cjson");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "2.1.0");
  lua_setfield(lua, -2, "_VERSION");
  *shared = config;
  return 1;
}
