// Right operands of elements that hold one of a few levels, in split bfloat16: each part is looked up as it is packed.
#pragma once

#include "gemm.h"

#ifdef GAINCELL_AMX

namespace gaincell {

constexpr int kCodes = 16;  // entries of a key's table: its levels, what is not a number, and zero
constexpr uint16_t kNothing = kCodes - 1;

// A key's table in parts. Every key has its own, which has lost its own share.
template <int P>
struct KeyTable {
  __m256i part[P];
};

template <int P>
inline KeyTable<P> key_table(__m512 responses, float scale) {
  KeyTable<P> table;
  __m512 left = _mm512_mul_ps(responses, _mm512_set1_ps(scale));
  for (int i = 0; i < P; ++i) {
    table.part[i] = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(left));
    left = _mm512_sub_ps(left, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(table.part[i]), 16)));
  }
  return table;
}

// codes (K, columns of N) -> as `Split::pack_right` would; row k has tables[k].
template <int P>
inline void look_up_right(uint16_t* dst, const uint16_t* codes, int K, int N, const KeyTable<P>* tables, int parts) {
  const size_t each = static_cast<size_t>(K) * N;
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37,
                                         5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16)), other = _mm512_set1_epi16(kCodes);
  for (int k = 0; k < K; k += 2) {
    __m512i table[P];
    for (int i = 0; i < parts; ++i)
      table[i] = _mm512_inserti64x4(_mm512_castsi256_si512(tables[k].part[i]), tables[k + 1].part[i], 1);
    for (int n = 0; n < N; n += 32) {
      const uint16_t* from = codes + static_cast<size_t>(k) * N + n;
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

// codes (N, columns of K) -> as `Split::pack_right_transposed` would; row n has tables[n].
template <int P>
inline void look_up_transposed(uint16_t* dst, const uint16_t* codes, int K, int N, const KeyTable<P>* tables,
                               int parts) {
  alignas(64) uint16_t rows[P][16 * 32];
  for (int n = 0; n < N; n += 16)
    for (int k = 0; k < K; k += 32) {
      for (int row = 0; row < 16; ++row) {
        const __m512i code = _mm512_loadu_si512(codes + static_cast<size_t>(n + row) * K + k);
        for (int i = 0; i < parts; ++i)
          _mm512_store_si512(rows[i] + 32 * row,
                             _mm512_permutexvar_epi16(code, _mm512_castsi256_si512(tables[n + row].part[i])));
      }
      for (int i = 0; i < parts; ++i) {
        uint16_t* to = dst + i * static_cast<size_t>(K) * N + static_cast<size_t>(k) * N + 2 * n;
        transpose16(reinterpret_cast<float*>(to), N, reinterpret_cast<const float*>(rows[i]), 16);
      }
    }
}

}  // namespace gaincell

#endif  // GAINCELL_AMX
