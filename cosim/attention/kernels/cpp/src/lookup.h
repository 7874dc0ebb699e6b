// Right operands of elements that hold one of a few levels, in split bfloat16: each part is looked up as it is packed.
#pragma once

#include "split.h"

#ifdef GAINCELL_AMX

namespace gaincell {

constexpr int kCodes = kNothing + 1;  // entries of a table: levels, what is not a number, and zero

// A table of responses in parts.
template <int P>
struct PartsTable {
  __m256i part[P];

  PartsTable(int entries, const float* responses, float scale) {
    const __m512 row = _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << entries) - 1), responses);
    __m512 left = _mm512_mul_ps(row, _mm512_set1_ps(scale));
    for (int i = 0; i < P; ++i) {
      part[i] = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(left));
      left = _mm512_sub_ps(left, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(part[i]), 16)));
    }
  }
};

// Every level's response, in the order in which the levels come.
template <int P>
inline void look_up_all(uint16_t* dst, const Level* levels, size_t count, const PartsTable<P>& table, int parts) {
  for (int i = 0; i < parts; ++i) {
    const __m512i part = _mm512_castsi256_si512(table.part[i]);
    for (size_t at = 0; at < count; at += 32)
      _mm512_storeu_si512(dst + i * count + at, _mm512_permutexvar_epi16(_mm512_loadu_si512(levels + at), part));
  }
}

// levels (K, columns of N) -> as `Split::pack_both` would; row k has a table of its own.
template <int P>
inline void look_up_right(uint16_t* dst, const Level* levels, int K, int N, const PartsTable<P>* tables, int parts) {
  const size_t each = static_cast<size_t>(K) * N;
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                         5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16)), other = _mm512_set1_epi16(kCodes);
  for (int k = 0; k < K; k += 2) {
    __m512i table[P];
    for (int i = 0; i < parts; ++i)
      table[i] = _mm512_inserti64x4(_mm512_castsi256_si512(tables[k].part[i]), tables[k + 1].part[i], 1);
    for (int n = 0; n < N; n += 32) {
      const Level* from = levels + static_cast<size_t>(k) * N + n;
      const __m512i even = _mm512_loadu_si512(from), odd = _mm512_add_epi16(_mm512_loadu_si512(from + N), other);
      const __m512i one = _mm512_permutex2var_epi16(even, first, odd),
                    two = _mm512_permutex2var_epi16(even, second, odd);
      uint16_t* to = dst + static_cast<size_t>(k) * N + 2 * n;
      for (int i = 0; i < parts; ++i) {
        _mm512_storeu_si512(to + i * each, _mm512_permutexvar_epi16(one, table[i]));
        _mm512_storeu_si512(to + i * each + 32, _mm512_permutexvar_epi16(two, table[i]));
      }
    }
  }
}

}  // namespace gaincell

#endif  // GAINCELL_AMX
