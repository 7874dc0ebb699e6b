// What the instructions of tiles.h do, for processors without them.
#pragma once

#include "tiles.h"

#if !defined(__AMX_BF16__) || !defined(__AVX512BF16__) || !defined(__linux__)

namespace gaincell {

struct EmulatedTiles {
  float sums[32][32];
  uint16_t left[32][32];
};
inline thread_local EmulatedTiles emulated;

inline bool tiles_granted() { return true; }
inline void use_tiles(const uint8_t*) {}
inline void release_tiles() {}
inline void clear_sums() { std::memset(emulated.sums, 0, sizeof emulated.sums); }
inline void load_sums(const float* c, int64_t stride) {
  for (int m = 0; m < 32; ++m) std::memcpy(emulated.sums[m], c + m * (stride / 4), sizeof emulated.sums[m]);
}
inline void store_sums(float* c, int64_t stride) {
  for (int m = 0; m < 32; ++m) std::memcpy(c + m * (stride / 4), emulated.sums[m], sizeof emulated.sums[m]);
}
inline void load_left(const uint16_t* a, int64_t stride) {
  for (int m = 0; m < 32; ++m) std::memcpy(emulated.left[m], a + m * (stride / 2), sizeof emulated.left[m]);
}
inline float from_bfloat16(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline void add_products(const uint16_t* b, int64_t stride) {
  for (int m = 0; m < 32; ++m)
    for (int k = 0; k < 32; ++k)
      for (int n = 0; n < 32; ++n)
        emulated.sums[m][n] +=
            from_bfloat16(emulated.left[m][k]) * from_bfloat16(b[k / 2 * (stride / 2) + 2 * n + k % 2]);
}
inline HalfRow to_bfloat16(Wide x) {
  const WideBits bits = reinterpret_cast<WideBits>(x);  // to the nearest, ties to even
  const WideBits rounded = x == x ? (bits + 0x7fff + (bits >> 16 & 1)) >> 16 : bits >> 16 | 0x40;
  return __builtin_convertvector(rounded, HalfRow);
}
inline Halves to_bfloat16(Wide low, Wide high) {
  HalfRow part[2] = {to_bfloat16(low), to_bfloat16(high)};
  Halves both;
  std::memcpy(&both, part, sizeof both);
  return both;
}
inline Halves look_up(Halves table, Halves index) {
  Halves found;
  for (int i = 0; i < 32; ++i) found[i] = table[index[i] & 31];
  return found;
}

}  // namespace gaincell

#endif
