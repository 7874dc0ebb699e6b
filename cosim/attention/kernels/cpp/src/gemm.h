// Products of small packed matrices, accumulated in float32: fused multiply-add in registers, for any processor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "problem.h"
#include "simd.h"

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
inline void panel(int N, int K, const float* A, int ars, int aks, const float* B, int ldb, float* C, int ldc,
                  bool add) {
  int n = 0;
  for (; n + kPanel * kLanes <= N; n += kPanel * kLanes) micro<MR, kPanel>(K, A, ars, aks, B + n, ldb, C + n, ldc, add);
  for (; n + 2 * kLanes <= N; n += 2 * kLanes) micro<MR, 2>(K, A, ars, aks, B + n, ldb, C + n, ldc, add);
  for (; n < N; n += kLanes) micro<MR, 1>(K, A, ars, aks, B + n, ldb, C + n, ldc, add);
}

[[gnu::noinline]] inline void gemm(int M, int N, int K, const float* A, int ars, int aks, const float* B, int ldb, float* C, int ldc,
                 bool add) {
  int m = 0;
  for (; m + kRows <= M; m += kRows) panel<kRows>(N, K, A + m * ars, ars, aks, B, ldb, C + m * ldc, ldc, add);
  for (; m + 2 <= M; m += 2) panel<2>(N, K, A + m * ars, ars, aks, B, ldb, C + m * ldc, ldc, add);
  for (; m < M; ++m) panel<1>(N, K, A + m * ars, ars, aks, B, ldb, C + m * ldc, ldc, add);
}

// Where the upper right quarter of 64 x 64 numbers is zero, since those queries come before those keys: in the result
// (which is then written as zeros), in the left operand or in the right one.
enum class Causal { kNone, kResult, kLeft, kRight };

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
  // src (M, N) with scaled rows, as a left operand (if any) and as a right one.
  static void pack_both(float* left, float* right, const float* src, int ld, int M, int N, const float* scale) {
    pack_left(right, src, ld, M, N, scale);
    if (left) std::memcpy(left, right, sizeof(float) * M * N);
  }
  // src (N, K), as (K, N).
  static void pack_right_transposed(float* dst, const float* src, int ld, int K, int N) {
    transpose(dst, N, src, ld, N, K);
  }

  // parts: digits that the product needs, see `Split`; whole_left: the left operand holds small integers.
  static void multiply(int M, int N, int K, const float* A, const float* B, float* C, int ldc, bool add,
                       int = kAllParts, bool = false, Causal = Causal::kNone) {
    gemm(M, N, K, A, K, 1, B, N, C, ldc, add);
  }

  // Several products of the same shape, handed over block by block; `scratch` has room for `scratch_size` numbers.
  static size_t scratch_size(int count, int M, int N) { return static_cast<size_t>(count) * M * N; }
  template <class Finish>
  static void multiply_each(int M, int N, int K, int count, const Pair<float>* pairs, bool, Causal, float* scratch,
                            Finish finish) {
    const size_t each = static_cast<size_t>(M) * N;
    for (int c = 0; c < count; ++c) gemm(M, N, K, pairs[c].left, K, 1, pairs[c].right, N, scratch + c * each, N, false);
    for (int m = 0; m < M; m += kBlock)
      for (int n = 0; n < N; n += kBlock)
        finish(Blocks{scratch + static_cast<size_t>(m) * N + n, each, static_cast<size_t>(N), m, n});
  }
};

}  // namespace gaincell
