// Products of small packed matrices, accumulated in float32: fused multiply-add in registers, for any processor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "problem.h"
#include "simd.h"

namespace gaincell {

// C (M x N) = or += A (M x K) B (K x N), rows of `lda`, `ldb` and `ldc`; N a multiple of 16.
template <int MR, int NV>
inline void micro(int K, const float* A, int lda, const float* B, int ldb, float* C, int ldc, bool add) {
  vf acc[MR][NV];
  for (int m = 0; m < MR; ++m)
    for (int n = 0; n < NV; ++n) acc[m][n] = add ? load(C + m * ldc + n * kLanes) : vf{};
  for (int k = 0; k < K; ++k) {
    vf b[NV];
    for (int n = 0; n < NV; ++n) b[n] = load(B + static_cast<int64_t>(k) * ldb + n * kLanes);
    for (int m = 0; m < MR; ++m) {
      vf a = broadcast(A[m * lda + k]);
      for (int n = 0; n < NV; ++n) acc[m][n] += a * b[n];
    }
  }
  for (int m = 0; m < MR; ++m)
    for (int n = 0; n < NV; ++n) store(C + m * ldc + n * kLanes, acc[m][n]);
}

// Where numbers right of the diagonal are zero, since those keys come after those queries: in the result (which is then
// written as zeros), in the left operand or in the right one.
enum class Causal { kNone, kResult, kLeft, kRight };

// Rows m .. m + MR - 1 of the result.
template <int MR>
inline void strip(int m, int N, int K, const float* A, int lda, const float* B, int ldb, float* C, int ldc, bool add,
                  Causal causal, int column) {
  const int to = causal == Causal::kLeft ? std::min(K, m + MR) : K;
  const int end = causal == Causal::kResult ? std::max(0, std::min(N, m + MR - column)) : N;
  int n = 0;
  const auto from = [&] { return causal == Causal::kRight ? std::min(column + n, to) : 0; };
  const auto product = [&](auto vectors) {
    const int k = from();
    micro<MR, vectors.value>(to - k, A + k, lda, B + static_cast<int64_t>(k) * ldb + n, ldb, C + n, ldc, add);
    n += vectors.value * kLanes;
  };
  while (n + (kPanel - 1) * kLanes < end && n + kPanel * kLanes <= N) product(std::integral_constant<int, kPanel>());
  while (n < end) product(std::integral_constant<int, 1>());
  if (n < N && !add)
    for (int row = 0; row < MR; ++row) std::fill(C + row * ldc + n, C + row * ldc + N, 0.0f);
}

// row, column: where in the whole product these operands begin, which `causal` speaks of; M is even.
[[gnu::noinline]] inline void gemm(int M, int N, int K, const float* A, int lda, const float* B, int ldb, float* C,
                                   int ldc, bool add, Causal causal, int row, int column) {
  for (int m = 0; m < M;) {
    const float* a = A + static_cast<int64_t>(m) * lda;
    float* c = C + static_cast<int64_t>(m) * ldc;
    // Six rows at a time, and the last four or eight by four.
    if (M - m == 2) {
      strip<2>(row + m, N, K, a, lda, B, ldb, c, ldc, add, causal, column);
      m += 2;
    } else if (kRows == 4 || M - m == 4 || M - m == 8) {
      strip<4>(row + m, N, K, a, lda, B, ldb, c, ldc, add, causal, column);
      m += 4;
    } else {
      strip<kRows>(row + m, N, K, a, lda, B, ldb, c, ldc, add, causal, column);
      m += kRows;
    }
  }
}

// Operands of one of several products, and the digits that it needs.
template <class Element>
struct Pair {
  const Element* left;
  const Element* right;
  int parts;
};

constexpr int kBlock = 32;

// A block of kBlock x kBlock numbers of each of several products, from a row and a column of theirs on.
struct Blocks {
  const float* data;
  size_t each, stride;  // between products, and between rows
  int row, column;

  const float* at(int product, int t) const { return data + product * each + (t - row) * stride; }
};

// Single precision everywhere. A left operand is (rows, K), a right one (K, columns).
struct Plain {
  using Element = float;
  static constexpr bool kSplit = false;
  int digits = 0;
  explicit Plain(int = 0) {}
  static size_t left_size(int M, int K) { return static_cast<size_t>(M) * K; }
  static size_t right_size(int K, int N) { return static_cast<size_t>(K) * N; }

  static void begin() {}
  static void end() {}

  // src (M, K), rows of `ld`, each times its entry of `scale` where there is one. whole: small integers.
  static void pack_left(float* dst, const float* src, int ld, int M, int K, const float* scale = nullptr,
                        bool = false) {
    for (int m = 0; m < M; ++m)
      for (int k = 0; k < K; ++k)
        dst[static_cast<size_t>(m) * K + k] = src[static_cast<size_t>(m) * ld + k] * (scale ? scale[m] : 1.0f);
  }
  // src (K, M), as (M, K).
  static void pack_left_transposed(float* dst, const float* src, int ld, int M, int K, bool = false) {
    transpose(dst, K, src, ld, K, M);
  }
  // src (M, N) with scaled rows, as a right operand and as a left one, which is returned: here the same.
  static const float* pack_both(float*, float* right, const float* src, int ld, int M, int N, const float* scale) {
    pack_left(right, src, ld, M, N, scale);
    return right;
  }
  // src (N, K), as (K, N).
  static void pack_right_transposed(float* dst, const float* src, int ld, int K, int N) {
    transpose(dst, N, src, ld, N, K);
  }

  // parts: digits that the product needs, see `Split`; whole_left: the left operand holds small integers.
  static void multiply(int M, int N, int K, const float* A, const float* B, float* C, int ldc, bool add,
                       int = kAllParts, bool = false, Causal causal = Causal::kNone) {
    gemm(M, N, K, A, K, B, N, C, ldc, add, causal, 0, 0);
  }

  // One block of kBlock x kBlock of a product, to `c`.
  static void block(int, int N, int K, int m, int n, const Pair<float>& pair, float* c, bool, Causal causal) {
    gemm(kBlock, kBlock, K, pair.left + static_cast<size_t>(m) * K, K, pair.right + n, N, c, kBlock, false, causal, m,
         n);
  }
};

// Several products of the same shape, handed over block by block; `scratch` has room for a block of each.
template <class E, class Finish>
inline void multiply_each(const E& engine, int M, int N, int K, int count, const Pair<typename E::Element>* pairs,
                          bool whole_left, Causal causal, float* scratch, Finish finish) {
  constexpr size_t each = kBlock * kBlock;
  for (int n = 0; n < N; n += kBlock)  // columns of the right operands stay in the first cache
    for (int m = 0; m < M; m += kBlock) {
      // Zero as a whole, it is not handed over.
      if (causal == Causal::kResult && n >= m + kBlock) continue;
      for (int c = 0; c < count; ++c) engine.block(M, N, K, m, n, pairs[c], scratch + c * each, whole_left, causal);
      finish(Blocks{scratch, each, kBlock, m, n});
    }
}

}  // namespace gaincell
