// Products of small packed matrices in tiles of split bfloat16.
#pragma once

#include <type_traits>

#include "gemm.h"
#include "tiles.h"

namespace gaincell {

// Numbers as sums of `digits` (2 or 3) parts in bfloat16, each 256 times smaller than the last; products of parts i and
// j with i + j >= digits are left out. M, N and K are multiples of 32.
struct Split {
  using Element = uint16_t;
  static constexpr bool kSplit = true;
  int digits;
  explicit Split(int count) : digits(count) {}
  size_t left_size(int M, int K) const { return digits * static_cast<size_t>(M) * K; }
  size_t right_size(int K, int N) const { return digits * static_cast<size_t>(K) * N; }

  static void begin() {
    alignas(64) uint8_t config[64] = {};
    config[0] = 1;
    for (int t = 0; t < 8; ++t) {
      config[16 + 2 * t] = 64;
      config[48 + t] = 16;
    }
    use_tiles(config);
  }
  static void end() { release_tiles(); }

  // src (M, K), rows of `ld`, each times its entry of `scale` where there is one. whole: small integers.
  void pack_left(uint16_t* dst, const float* src, int ld, int M, int K, const float* scale = nullptr,
                 bool whole = false) const {
    in_parts(whole, [&](auto parts) { pack_left_in<parts.value>(dst, src, ld, M, K, scale); });
  }
  void pack_left_transposed(uint16_t* dst, const float* src, int ld, int M, int K, bool whole = false) const {
    in_parts(whole, [&](auto parts) { pack_left_transposed_in<parts.value>(dst, src, ld, M, K); });
  }

  // A right operand has rows 2k and 2k + 1 side by side: [K / 2][N][2]. left: null for none.
  const uint16_t* pack_both(uint16_t* left, uint16_t* right, const float* src, int ld, int M, int N,
                            const float* scale) const {
    in_parts(false, [&](auto parts) { pack_both_in<parts.value>(left, right, src, ld, M, N, scale); });
    return left;
  }

  // src (N, K): pairs along K lie together already, so 32-bit elements are transposed.
  void pack_right_transposed(uint16_t* dst, const float* src, int ld, int K, int N) const {
    in_parts(false, [&](auto parts) { pack_right_transposed_in<parts.value>(dst, src, ld, K, N); });
  }

  void multiply(int M, int N, int K, const uint16_t* A, const uint16_t* B, float* C, int ldc, bool add,
                int parts = kAllParts, bool whole_left = false, Causal causal = Causal::kNone) const {
    for (int m = 0; m < M; m += kBlock)
      for (int n = 0; n < N; n += kBlock)
        block(M, N, K, m, n, A, B, C + static_cast<size_t>(m) * ldc + n, ldc, add, parts, whole_left, causal);
  }

  // One block of kBlock x kBlock of a product, to `c`.
  void block(int M, int N, int K, int m, int n, const Pair<uint16_t>& pair, float* c, bool whole_left,
             Causal causal) const {
    block(M, N, K, m, n, pair.left, pair.right, c, kBlock, false, pair.parts, whole_left, causal);
  }

 private:
  template <class Pack>
  void in_parts(bool whole, Pack pack) const {
    if (whole) return pack(std::integral_constant<int, 1>());
    digits == 2 ? pack(std::integral_constant<int, 2>()) : pack(std::integral_constant<int, 3>());
  }

  // 32 numbers, the halves scaled, in parts.
  template <int P>
  static void read(const float* from, float by_a, float by_b, Halves (&part)[P]) {
    Wide a = load_as<Wide>(from) * by_a, b = load_as<Wide>(from + 16) * by_b;
    for (int i = 0; i < P; ++i) {
      part[i] = to_bfloat16(a, b);
      a -= from_bfloat16(half_of(part[i], 0));
      b -= from_bfloat16(half_of(part[i], 1));
    }
  }

  template <int P>
  static void pack_left_in(uint16_t* dst, const float* src, int ld, int M, int K, const float* scale) {
    for (int m = 0; m < M; ++m)
      for (int k = 0; k < K; k += 32) {
        const float by = scale ? scale[m] : 1.0f;
        Halves part[P];
        read(src + static_cast<size_t>(m) * ld + k, by, by, part);
        for (int i = 0; i < P; ++i) store_as(dst + (static_cast<size_t>(i) * M + m) * K + k, part[i]);
      }
  }

  template <int P>
  static void pack_left_transposed_in(uint16_t* dst, const float* src, int ld, int M, int K) {
    alignas(64) float turned[16 * 32];
    for (int m = 0; m < M; m += 16)
      for (int k = 0; k < K; k += 32) {
        transpose<Wide>(turned, 32, src + static_cast<size_t>(k) * ld + m, ld, 16, 16);
        transpose<Wide>(turned + 16, 32, src + static_cast<size_t>(k + 16) * ld + m, ld, 16, 16);
        for (int row = 0; row < 16; ++row) {
          Halves part[P];
          read(turned + 32 * row, 1, 1, part);
          for (int i = 0; i < P; ++i) store_as(dst + (static_cast<size_t>(i) * M + m + row) * K + k, part[i]);
        }
      }
  }

  template <int P>
  static void pack_both_in(uint16_t* left, uint16_t* right, const float* src, int ld, int M, int N,
                           const float* scale) {
    const size_t each = static_cast<size_t>(M) * N;
    for (int m = 0; m < M; m += 2)
      for (int n = 0; n < N; n += 32) {
        Halves even[P], odd[P];
        const float by_even = scale ? scale[m] : 1.0f, by_odd = scale ? scale[m + 1] : 1.0f;
        const float* from = src + static_cast<size_t>(m) * ld + n;
        read(from, by_even, by_even, even);
        read(from + ld, by_odd, by_odd, odd);
        for (int i = 0; i < P; ++i) {
          if (left) {
            store_as(left + i * each + static_cast<size_t>(m) * N + n, even[i]);
            store_as(left + i * each + static_cast<size_t>(m + 1) * N + n, odd[i]);
          }
          uint16_t* to = right + i * each + static_cast<size_t>(m) * N + 2 * n;
          store_as(to, interleaved<0>(even[i], odd[i]));
          store_as(to + 32, interleaved<16>(even[i], odd[i]));
        }
      }
  }

  template <int P>
  static void pack_right_transposed_in(uint16_t* dst, const float* src, int ld, int K, int N) {
    alignas(64) uint16_t rows[P][16 * 32];
    for (int n = 0; n < N; n += 16)
      for (int k = 0; k < K; k += 32) {
        for (int row = 0; row < 16; ++row) {
          Halves part[P];
          read(src + static_cast<size_t>(n + row) * ld + k, 1, 1, part);
          for (int i = 0; i < P; ++i) store_as(rows[i] + 32 * row, part[i]);
        }
        for (int i = 0; i < P; ++i) {
          uint16_t* to = dst + i * static_cast<size_t>(K) * N + static_cast<size_t>(k) * N + 2 * n;
          transpose<Wide>(reinterpret_cast<float*>(to), N, reinterpret_cast<const float*>(rows[i]), 16, 16, 16);
        }
      }
  }

  // One block of kBlock x kBlock, to `c`.
  void block(int M, int N, int K, int m, int n, const uint16_t* A, const uint16_t* B, float* c, int ldc, bool add,
             int parts, bool whole_left, Causal causal) const {
    const int order = std::min(parts, digits), left = whole_left ? 1 : order;
    const int from = causal == Causal::kRight && n >= 32 ? std::min(32, K) : 0;
    const int to = causal == Causal::kResult && m < 32 && n >= 32 ? 0
                   : causal == Causal::kLeft && m < 32            ? std::min(32, K)
                                                                  : K;
    const int64_t cs = 4 * static_cast<int64_t>(ldc), as = 2 * static_cast<int64_t>(K),
                  bs = 4 * static_cast<int64_t>(N);
    add ? load_sums(c, cs) : clear_sums();
    for (int k = from; k < to; k += 32)
      for (int i = left - 1; i >= 0; --i) {  // the smallest products first
        const uint16_t* a = A + (static_cast<size_t>(i) * M + m) * K + k;
        load_left(a, as);
        for (int j = order - 1 - i; j >= 0; --j) add_products(B + (static_cast<size_t>(j) * K + k) * N + 2 * n, bs);
      }
    store_sums(c, cs);
  }
};

}  // namespace gaincell
