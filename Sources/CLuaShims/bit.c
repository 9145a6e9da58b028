// Library `bit`: operations on 32-bit integers, as the BitOp module for Lua defines them.
// Numbers are taken modulo 2³² and results are signed.
#include "internal.h"

static int32_t to_bits(lua_State *lua, int index) {
  lua_Number number = luaL_checknumber(lua, index);
  // Adding 2⁵² + 2⁵¹ rounds to a whole number and leaves it, modulo 2³², in the low bits.
  union {
    double number;
    uint64_t bits;
  } shifted = {number + 6755399441055744.0};
  return (int32_t)(uint32_t)shifted.bits;
}

static int push_bits(lua_State *lua, uint32_t bits) {
  lua_pushnumber(lua, (lua_Number)(int32_t)bits);
  return 1;
}

static int bit_tobit(lua_State *lua) { return push_bits(lua, (uint32_t)to_bits(lua, 1)); }

static int bit_bnot(lua_State *lua) { return push_bits(lua, ~(uint32_t)to_bits(lua, 1)); }

#define FOLD(name, operator)                                                                                           \
  static int name(lua_State *lua) {                                                                                    \
    uint32_t bits = (uint32_t)to_bits(lua, 1);                                                                         \
    for (int index = lua_gettop(lua); index > 1; index--) bits operator(uint32_t) to_bits(lua, index);                 \
    return push_bits(lua, bits);                                                                                       \
  }
FOLD(bit_band, &=)
FOLD(bit_bor, |=)
FOLD(bit_bxor, ^=)

#define SHIFT(name, expression)                                                                                        \
  static int name(lua_State *lua) {                                                                                    \
    uint32_t bits = (uint32_t)to_bits(lua, 1);                                                                         \
    uint32_t by = (uint32_t)to_bits(lua, 2) & 31;                                                                      \
    return push_bits(lua, (expression));                                                                               \
  }
SHIFT(bit_lshift, bits << by)
SHIFT(bit_rshift, bits >> by)
SHIFT(bit_arshift, (uint32_t)((int32_t)bits >> by))
SHIFT(bit_rol, (bits << by) | (bits >> ((32 - by) & 31)))
SHIFT(bit_ror, (bits >> by) | (bits << ((32 - by) & 31)))

static int bit_bswap(lua_State *lua) { return push_bits(lua, __builtin_bswap32((uint32_t)to_bits(lua, 1))); }

static int bit_tohex(lua_State *lua) {
  uint32_t bits = (uint32_t)to_bits(lua, 1);
  int32_t wanted = lua_isnone(lua, 2) ? 8 : to_bits(lua, 2);
  const char *digits = wanted < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
  int count = wanted < -8 || wanted > 8 ? 8 : wanted < 0 ? -wanted : wanted;
  char text[8];
  for (int index = count - 1; index >= 0; index--, bits >>= 4) text[index] = digits[bits & 15];
  lua_pushlstring(lua, text, (size_t)count);
  return 1;
}

int open_bit(lua_State *lua) {
  static const luaL_Reg functions[] = {{"tobit", bit_tobit},     {"bnot", bit_bnot},     {"band", bit_band},
                                       {"bor", bit_bor},         {"bxor", bit_bxor},     {"lshift", bit_lshift},
                                       {"rshift", bit_rshift},   {"arshift", bit_arshift}, {"rol", bit_rol},
                                       {"ror", bit_ror},         {"bswap", bit_bswap},   {"tohex", bit_tohex},
                                       {NULL, NULL}};
  lua_newtable(lua);
  luaL_register(lua, NULL, functions);
  return 1;
}
