// Products of small packed matrices, accumulated in float32: fused multiply-add in registers everywhere, and
// tiles of split bfloat16 on x86 with AMX.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "simd.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define GAINCELL_AMX 1
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gaincell {

// C (M x N) = or += A (M x K) B (K x N). A: row and column strides; B: rows of `ldb`; N a multiple of 16.
template <int MR, int NV>
inline void micro(int K, const float* A, int ars, int aks, const float* B, int ldb, float* C, int ldc, bool add) {
  vf acc[MR][NV];
  for (int m = 0; m < MR; ++m)
    for (int n = 0; n < NV; ++n) acc[m][n] = add ? load(C + m * ldc + n * kLanes) : vf{};
  for (int k = 0; k < K; ++k) {
    vf b[NV];
    for (int n = 0; n < NV; ++n) b[n] = load(B + static_cast<int64_t>(k) * ldb + n * kLanes);
    for (int m = 0; m < MR; ++m) {
      vf a = broadcast(A[m * ars + k * aks]);
      for (int n = 0; n < NV; ++n) acc[m][n] += a * b[n];
    }
  }
  for (int m = 0; m < MR; ++m)
    for (int n = 0; n < NV; ++n) store(C + m * ldc + n * kLanes, acc[m][n]);
}

template <int MR>
inline void panel(int N, int K, const float* A, int ars, int aks, const float* B, int ldb, float* C, int ldc, bool add) {
  int n = 0;
  for (; n + kPanel * kLanes <= N; n += kPanel * kLanes) micro<MR, kPanel>(K, A, ars, aks, B + n, ldb, C + n, ldc, add);
  for (; n + 2 * kLanes <= N; n += 2 * kLanes) micro<MR, 2>(K, A, ars, aks, B + n, ldb, C + n, ldc, add);
  for (; n < N; n += kLanes) micro<MR, 1>(K, A, ars, aks, B + n, ldb, C + n, ldc, add);
}

inline void gemm(int M, int N, int K, const float* A, int ars, int aks, const float* B, int ldb, float* C, int ldc, bool add) {
  int m = 0;
  for (; m + kRows <= M; m += kRows) panel<kRows>(N, K, A + m * ars, ars, aks, B, ldb, C + m * ldc, ldc, add);
  for (; m + 2 <= M; m += 2) panel<2>(N, K, A + m * ars, ars, aks, B, ldb, C + m * ldc, ldc, add);
  for (; m < M; ++m) panel<1>(N, K, A + m * ars, ars, aks, B, ldb, C + m * ldc, ldc, add);
}

// Which operand holds small integers, of which the upper half is everything.
enum class Exact { kNeither, kLeft, kRight };

// Single precision everywhere. A left operand is (rows, K), a right one (K, columns).
struct Plain {
  using Element = float;
  static constexpr bool kSplit = false;
  static size_t left_size(int M, int K) { return static_cast<size_t>(M) * K; }
  static size_t right_size(int K, int N) { return static_cast<size_t>(K) * N; }

  static void begin() {}
  static void end() {}

  // src (M, K), rows of `ld`, each times its entry of `scale` where there is one.
  static void pack_left(float* dst, const float* src, int ld, int M, int K, const float* scale = nullptr) {
    for (int m = 0; m < M; ++m)
      for (int k = 0; k < K; ++k) dst[static_cast<size_t>(m) * K + k] = src[static_cast<size_t>(m) * ld + k] * (scale ? scale[m] : 1.0f);
  }
  // src (K, M) with scaled rows, as (M, K).
  static void pack_left_transposed(float* dst, const float* src, int ld, int M, int K, const float* scale = nullptr) {
    transpose(dst, K, src, ld, K, M);
    for (int m = 0; m < M && scale; ++m)
      for (int k = 0; k < K; ++k) dst[static_cast<size_t>(m) * K + k] *= scale[k];
  }
  // src (M, N) with scaled rows, as a left operand and as a right one.
  static void pack_both(float* left, float* right, const float* src, int ld, int M, int N, const float* scale) {
    pack_left(left, src, ld, M, N, scale);
    std::memcpy(right, left, sizeof(float) * M * N);
  }
  // src (K, N).
  static void pack_right(float* dst, const float* src, int ld, int K, int N) { pack_left(dst, src, ld, K, N); }
  // src (N, K), as (K, N).
  static void pack_right_transposed(float* dst, const float* src, int ld, int K, int N) { transpose(dst, N, src, ld, N, K); }

  static void multiply(int M, int N, int K, const float* A, Exact, const float* B, float* C, int ldc, bool add) {
    gemm(M, N, K, A, K, 1, B, N, C, ldc, add);
  }
};

#ifdef GAINCELL_AMX

// x = hi + lo up to 2^-17 of x; products lo * lo are left out. M, N multiples of 16, K of 32.
struct Split {
  using Element = uint16_t;
  static constexpr bool kSplit = true;
  static size_t left_size(int M, int K) { return 2 * static_cast<size_t>(M) * K; }
  static size_t right_size(int K, int N) { return 2 * static_cast<size_t>(K) * N; }

  // The kernel grants tile registers to a process that asks.
  static bool available() {
    static const bool granted = syscall(SYS_arch_prctl, 0x1023, 18) == 0;
    return granted;
  }

  static void begin() {
    alignas(64) uint8_t config[64] = {};
    config[0] = 1;
    for (int t = 0; t < 8; ++t) {
      config[16 + 2 * t] = 64;
      config[48 + t] = 16;
    }
    _tile_loadconfig(config);
  }
  static void end() { _tile_release(); }

  static __m512 widen(__m256i half) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16)); }

  // Elements of a, then those of b, in two halves of 16 bits each.
  static void split(__m512 a, __m512 b, __m512i& hi, __m512i& lo) {
    hi = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));
    const __m512 rest_a = _mm512_sub_ps(a, widen(_mm512_castsi512_si256(hi)));
    const __m512 rest_b = _mm512_sub_ps(b, widen(_mm512_extracti64x4_epi64(hi, 1)));
    lo = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(rest_b, rest_a));
  }

  static void pack_left(uint16_t* dst, const float* src, int ld, int M, int K, const float* scale = nullptr) {
    uint16_t* low = dst + static_cast<size_t>(M) * K;
    for (int m = 0; m < M; ++m)
      for (int k = 0; k < K; k += 32) {
        const float* from = src + static_cast<size_t>(m) * ld + k;
        const __m512 by = _mm512_set1_ps(scale ? scale[m] : 1.0f);
        const __m512 a = _mm512_mul_ps(_mm512_loadu_ps(from), by), b = _mm512_mul_ps(_mm512_loadu_ps(from + 16), by);
        __m512i hi, lo;
        split(a, b, hi, lo);
        _mm512_storeu_si512(dst + static_cast<size_t>(m) * K + k, hi);
        _mm512_storeu_si512(low + static_cast<size_t>(m) * K + k, lo);
      }
  }

  static void pack_left_transposed(uint16_t* dst, const float* src, int ld, int M, int K, const float* scale = nullptr) {
    alignas(64) float turned[16 * 32];
    uint16_t* low = dst + static_cast<size_t>(M) * K;
    for (int m = 0; m < M; m += 16)
      for (int k = 0; k < K; k += 32) {
        const __m512 one = _mm512_set1_ps(1.0f);
        const __m512 by_a = scale ? _mm512_loadu_ps(scale + k) : one, by_b = scale ? _mm512_loadu_ps(scale + k + 16) : one;
        transpose16(turned, 32, src + static_cast<size_t>(k) * ld + m, ld);
        transpose16(turned + 16, 32, src + static_cast<size_t>(k + 16) * ld + m, ld);
        for (int i = 0; i < 16; ++i) {
          const __m512 a = _mm512_mul_ps(_mm512_load_ps(turned + 32 * i), by_a);
          const __m512 b = _mm512_mul_ps(_mm512_load_ps(turned + 32 * i + 16), by_b);
          __m512i hi, lo;
          split(a, b, hi, lo);
          size_t at = static_cast<size_t>(m + i) * K + k;
          _mm512_storeu_si512(dst + at, hi);
          _mm512_storeu_si512(low + at, lo);
        }
      }
  }

  // Rows 2k and 2k + 1 side by side: [K / 2][N][2].
  static void pack_right(uint16_t* dst, const float* src, int ld, int K, int N) {
    uint16_t* low = dst + static_cast<size_t>(K) * N;
    const __m512i pairs = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int k = 0; k < K; k += 2)
      for (int n = 0; n < N; n += 16) {
        const float* from = src + static_cast<size_t>(k) * ld + n;
        __m512i hi, lo;
        split(_mm512_loadu_ps(from), _mm512_loadu_ps(from + ld), hi, lo);
        const size_t at = static_cast<size_t>(k) * N + 2 * n;
        _mm512_storeu_si512(dst + at, _mm512_permutexvar_epi16(pairs, hi));
        _mm512_storeu_si512(low + at, _mm512_permutexvar_epi16(pairs, lo));
      }
  }

  static void pack_both(uint16_t* left, uint16_t* right, const float* src, int ld, int M, int N, const float* scale) {
    const size_t half = static_cast<size_t>(M) * N;
    const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    for (int m = 0; m < M; m += 2)
      for (int n = 0; n < N; n += 32) {
        __m512i part[2][2];  // of two rows: hi and lo
        for (int i = 0; i < 2; ++i) {
          const float* from = src + static_cast<size_t>(m + i) * ld + n;
          const __m512 by = _mm512_set1_ps(scale ? scale[m + i] : 1.0f);
          split(_mm512_mul_ps(_mm512_loadu_ps(from), by), _mm512_mul_ps(_mm512_loadu_ps(from + 16), by), part[i][0], part[i][1]);
        }
        for (int h = 0; h < 2; ++h) {
          _mm512_storeu_si512(left + h * half + static_cast<size_t>(m) * N + n, part[0][h]);
          _mm512_storeu_si512(left + h * half + static_cast<size_t>(m + 1) * N + n, part[1][h]);
          uint16_t* to = right + h * half + static_cast<size_t>(m) * N + 2 * n;
          _mm512_storeu_si512(to, _mm512_permutex2var_epi16(part[0][h], first, part[1][h]));
          _mm512_storeu_si512(to + 32, _mm512_permutex2var_epi16(part[0][h], second, part[1][h]));
        }
      }
  }

  // src (N, K): pairs along K lie together already, so 32-bit elements are transposed.
  static void pack_right_transposed(uint16_t* dst, const float* src, int ld, int K, int N) {
    alignas(64) uint16_t row[2][16 * 32];
    for (int n = 0; n < N; n += 16)
      for (int k = 0; k < K; k += 32) {
        pack_rows(row[0], row[1], src + static_cast<size_t>(n) * ld + k, ld);
        for (int part = 0; part < 2; ++part) {
          uint16_t* to = dst + part * static_cast<size_t>(K) * N + static_cast<size_t>(k) * N + 2 * n;
          transpose16(reinterpret_cast<float*>(to), N, reinterpret_cast<const float*>(row[part]), 16);
        }
      }
  }

  static void multiply(int M, int N, int K, const uint16_t* A, Exact exact, const uint16_t* B, float* C, int ldc, bool add) {
    for (int m = 0; m < M; m += 32)
      for (int n = 0; n < N; n += 32) {
        const bool two_m = m + 16 < M, two_n = n + 16 < N;
        if (two_m && two_n) block<2, 2>(M, N, K, m, n, A, exact, B, C, ldc, add);
        else if (two_m) block<2, 1>(M, N, K, m, n, A, exact, B, C, ldc, add);
        else if (two_n) block<1, 2>(M, N, K, m, n, A, exact, B, C, ldc, add);
        else block<1, 1>(M, N, K, m, n, A, exact, B, C, ldc, add);
      }
  }

 private:
  static void pack_rows(uint16_t* high, uint16_t* low, const float* src, int ld) {
    for (int i = 0; i < 16; ++i) {
      const float* from = src + static_cast<size_t>(i) * ld;
      __m512i hi, lo;
      split(_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16), hi, lo);
      _mm512_store_si512(high + 32 * i, hi);
      _mm512_store_si512(low + 32 * i, lo);
    }
  }

  template <int MT, int NT>
  static void block(int M, int N, int K, int m, int n, const uint16_t* A, Exact exact, const uint16_t* B, float* C, int ldc, bool add) {
    const size_t left = static_cast<size_t>(M) * K, right = static_cast<size_t>(K) * N;
    float* c = C + static_cast<size_t>(m) * ldc + n;
    const int64_t cs = 4 * static_cast<int64_t>(ldc), as = 2 * static_cast<int64_t>(K), bs = 4 * static_cast<int64_t>(N);
    if (add) {
      _tile_loadd(0, c, cs);
      if (NT > 1) _tile_loadd(1, c + 16, cs);
      if (MT > 1) _tile_loadd(2, c + 16 * ldc, cs);
      if (MT > 1 && NT > 1) _tile_loadd(3, c + 16 * ldc + 16, cs);
    } else {
      _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
    }
    for (int k = 0; k < K; k += 32) {
      const uint16_t* a = A + static_cast<size_t>(m) * K + k;
      const uint16_t* b = B + static_cast<size_t>(k) * N + 2 * n;
      _tile_loadd(4, a, as);
      if (MT > 1) _tile_loadd(5, a + 16 * K, as);
      if (exact != Exact::kRight) {  // hi * lo
        _tile_loadd(6, b + right, bs);
        if (NT > 1) _tile_loadd(7, b + right + 32, bs);
        products<MT, NT>();
      }
      _tile_loadd(6, b, bs);  // hi * hi
      if (NT > 1) _tile_loadd(7, b + 32, bs);
      products<MT, NT>();
      if (exact == Exact::kLeft) continue;
      _tile_loadd(4, a + left, as);  // lo * hi
      if (MT > 1) _tile_loadd(5, a + left + 16 * K, as);
      products<MT, NT>();
    }
    _tile_stored(0, c, cs);
    if (NT > 1) _tile_stored(1, c + 16, cs);
    if (MT > 1) _tile_stored(2, c + 16 * ldc, cs);
    if (MT > 1 && NT > 1) _tile_stored(3, c + 16 * ldc + 16, cs);
  }

  template <int MT, int NT>
  static void products() {
    _tile_dpbf16ps(0, 4, 6);
    if (NT > 1) _tile_dpbf16ps(1, 4, 7);
    if (MT > 1) _tile_dpbf16ps(2, 5, 6);
    if (MT > 1 && NT > 1) _tile_dpbf16ps(3, 5, 7);
  }
};

#endif  // GAINCELL_AMX

}  // namespace gaincell
