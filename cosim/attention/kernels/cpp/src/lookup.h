// Right operands of elements that hold one of a few levels, in split bfloat16: each part is looked up as it is packed.
#pragma once

#include "split.h"

namespace gaincell {

constexpr int kCodes = kNothing + 1;  // entries of a table: levels, what is not a number, and zero

// A table of responses in parts.
template <int P>
struct PartsTable {
  HalfRow part[P];

  PartsTable(int entries, const float* responses, float scale) {
    alignas(64) float row[kCodes] = {};
    std::copy_n(responses, entries, row);
    Wide left = load_as<Wide>(row) * scale;
    for (int i = 0; i < P; ++i) {
      part[i] = to_bfloat16(left);
      left -= from_bfloat16(part[i]);
    }
  }
};

// Tables for the levels of two rows: those of the second are counted from kCodes on.
inline Halves both(HalfRow first, HalfRow second) {
  const HalfRow parts[2] = {first, second};
  return load_as<Halves>(parts);
}

// Every level's response, in the order in which the levels come.
template <int P>
inline void look_up_all(uint16_t* dst, const Level* levels, size_t count, const PartsTable<P>& table, int parts) {
  for (int i = 0; i < parts; ++i) {
    const Halves part = both(table.part[i], table.part[i]);
    for (size_t at = 0; at < count; at += 32)
      store_as(dst + i * count + at, look_up(part, load_as<Halves>(levels + at)));
  }
}

// levels (K, columns of N) -> as `Split::pack_both` would; row k has a table of its own.
template <int P>
inline void look_up_right(uint16_t* dst, const Level* levels, int K, int N, const PartsTable<P>* tables, int parts) {
  const size_t each = static_cast<size_t>(K) * N;
  for (int k = 0; k < K; k += 2) {
    Halves table[P];
    for (int i = 0; i < parts; ++i) table[i] = both(tables[k].part[i], tables[k + 1].part[i]);
    for (int n = 0; n < N; n += 32) {
      const Level* from = levels + static_cast<size_t>(k) * N + n;
      const Halves even = load_as<Halves>(from), odd = load_as<Halves>(from + N) + static_cast<uint16_t>(kCodes);
      const Halves one = interleaved<0>(even, odd), two = interleaved<16>(even, odd);
      uint16_t* to = dst + static_cast<size_t>(k) * N + 2 * n;
      for (int i = 0; i < parts; ++i) {
        store_as(to + i * each, look_up(table[i], one));
        store_as(to + i * each + 32, look_up(table[i], two));
      }
    }
  }
}

}  // namespace gaincell
