// What follows the cells, on rows of n numbers: column, a chip's converter, converter. Written so that compilers
// turn every loop into vectors; derivatives where `Grad`. Values that are not numbers stay so.
#pragma once

#include <algorithm>
#include <cmath>

#include "problem.h"
#include "simd.h"

namespace gaincell {

// Two choices, each of which is one instruction of a vector and keeps what is not a number.
inline float clip(float x, float low, float high) {
  const float y = low > x ? low : x;
  return high < y ? high : y;
}
inline bool inside(float x, float low, float high) { return !(x < low) && !(x > high); }

template <bool Grad, int Order>
[[gnu::noinline]] inline void column_of_order(const Column& m, int n, const float* charge, const float* load, float* out, float* d_charge,
                            float* d_load) {
  const float scale = m.scale, a_low = m.a_low, a_high = m.a_high, u_low = m.u_low, u_high = m.u_high;
  float c[Order][Order];
  for (int p = 0; p < Order; ++p)
    for (int j = 0; j < Order; ++j) c[p][j] = m.c[p][j];
#pragma GCC ivdep
  for (int i = 0; i < n; ++i) {
    const float x = charge[i];
    const float v = load[i], a = clip(x * scale, a_low, a_high), u = clip(v, u_low, u_high);
    float sum = 0, by_a = 0, by_u = 0;
    for (int p = Order - 1; p >= 0; --p) {
      float inner = 0, slope = 0;
      for (int j = Order - 1; j >= 0; --j) {
        if (Grad) slope = slope * u + inner;
        inner = inner * u + c[p][j];
      }
      if (Grad) by_a = by_a * a + sum;
      if (Grad) by_u = by_u * a + slope;
      sum = sum * a + inner;
    }
    out[i] = x * (1 + sum);
    if (Grad) {
      const float in_a = inside(x * scale, a_low, a_high) ? scale : 0.0f;
      const float in_u = inside(v, u_low, u_high) ? 1.0f : 0.0f;
      d_charge[i] = 1 + sum + x * by_a * in_a;
      d_load[i] = x * by_u * in_u;
    }
  }
}

// charge -> charge delivered, which may take its place; d_charge, d_load: its partial derivatives.
template <bool Grad>
inline void column(const Column& m, int n, const float* charge, const float* load, float* out, float* d_charge,
                   float* d_load) {
  if (m.order <= 3)  // coefficients beyond the order are zero
    column_of_order<Grad, 3>(m, n, charge, load, out, d_charge, d_load);
  else
    column_of_order<Grad, kMaxOrder>(m, n, charge, load, out, d_charge, d_load);
}

// Notes which of a row's charges are inside the converter's range, one bit each; n is a multiple of 32.
inline void note_inside(const float* charge, int n, float low, uint8_t* flags) {
#if defined(__AVX512F__)
  for (int i = 0; i < n; i += 16) {
    const __m512 x = _mm512_loadu_ps(charge + i);
    const __mmask16 in = ~(_mm512_cmp_ps_mask(x, _mm512_set1_ps(low), _CMP_LT_OQ) |
                           _mm512_cmp_ps_mask(x, _mm512_set1_ps(1.0f), _CMP_GT_OQ));
    std::memcpy(flags + i / 8, &in, 2);
  }
#else
  for (int i = 0; i < n; i += 8) {
    unsigned bits = 0;
    for (int j = 0; j < 8; ++j) bits |= static_cast<unsigned>(inside(charge[i + j], low, 1)) << j;
    flags[i / 8] = static_cast<uint8_t>(bits);
  }
#endif
}

// x where the flag is set, else 0.
inline void where_inside(const uint8_t* flags, const float* x, int n, float* out) {
  int i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16) {
    __mmask16 in;
    std::memcpy(&in, flags + i / 8, 2);
    _mm512_storeu_ps(out + i, _mm512_maskz_loadu_ps(in, x + i));
  }
#endif
  for (; i < n; ++i) out[i] = flags[i / 8] >> (i % 8) & 1 ? x[i] : 0.0f;
}

// A chip's converters: one offset and gain each, or one of each polarity. Multiplies `d` by the derivative.
template <bool Grad>
inline void deviate(bool both, const float* numbers, int n, float* charge, float* d) {
  for (int i = 0; i < n; ++i) {
    const float* own = both ? numbers + 4 * i + (charge[i] > 0 ? 0 : 2) : numbers + 2 * i;
    charge[i] = (charge[i] - own[0]) * (1 + own[1]);
    if (Grad) d[i] *= 1 + own[1];
  }
}

#if defined(__AVX512F__)
// Entries of a row of up to 64 numbers.
struct Row64 {
  __m512 part[4];
  explicit Row64(const float* row) {
    for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_ps(row + 16 * i);
  }
  __m512 operator()(__m512i k) const {
    const __mmask16 upper = _mm512_test_epi32_mask(k, _mm512_set1_epi32(32));
    return _mm512_mask_mov_ps(_mm512_permutex2var_ps(part[0], k, part[1]), upper,
                              _mm512_permutex2var_ps(part[2], k, part[3]));
  }
};
#endif

// Charge -> width along the curve, and straight on beyond its ends.
template <bool Grad>
[[gnu::noinline]] inline void follow(const Curve& curve, float low, int n, float* x, float* d) {
  const float per_bucket = curve.buckets / (curve.high - curve.low);
  int i = 0;
#if defined(__AVX512F__)
  if (curve.room == 64) {
    const auto row = [&](int number) { return Row64(curve.rows + number * 64); };
    const Row64 start = row(kStart), end = row(kEnd), per_width = row(kPerWidth), c0 = row(kCubic),
                c1 = row(kCubic + 1), c2 = row(kCubic + 2), c3 = row(kCubic + 3);
    const __m512 first = _mm512_set1_ps(curve.low), last = _mm512_set1_ps(curve.high), one = _mm512_set1_ps(1.0f),
                 floor = _mm512_set1_ps(low);
    for (; i + 16 <= n; i += 16) {
      const __m512 charge = _mm512_loadu_ps(x + i);
      const __m512 at = _mm512_min_ps(last, _mm512_max_ps(first, charge));  // keeps what is not a number
      const __m512i bucket = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_sub_ps(at, first), _mm512_set1_ps(per_bucket)));
      const __m512i in_range =
          _mm512_max_epi32(_mm512_setzero_si512(), _mm512_min_epi32(bucket, _mm512_set1_epi32(curve.buckets - 1)));
      __m512i k = _mm512_i32gather_epi32(in_range, curve.bucket, 4);
      const __mmask16 next =
          _mm512_cmp_ps_mask(at, end(k), _CMP_GE_OQ) & _mm512_cmplt_epi32_mask(k, _mm512_set1_epi32(curve.count - 1));
      k = _mm512_mask_add_epi32(k, next, k, _mm512_set1_epi32(1));
      const __m512 unit = per_width(k), s = _mm512_mul_ps(_mm512_sub_ps(at, start(k)), unit);
      const __m512 b = c1(k), c = c2(k), e = c3(k);
      const __m512 slope = _mm512_mul_ps(
          unit, _mm512_fmadd_ps(s, _mm512_fmadd_ps(_mm512_mul_ps(s, _mm512_set1_ps(3.0f)), e, _mm512_add_ps(c, c)), b));
      __m512 y = _mm512_fmadd_ps(s, _mm512_fmadd_ps(s, _mm512_fmadd_ps(s, e, c), b), c0(k));
      y = _mm512_fmadd_ps(_mm512_sub_ps(charge, at), slope, y);
      if (Grad) {
        const __mmask16 clipped = _mm512_cmp_ps_mask(y, floor, _CMP_LT_OQ) | _mm512_cmp_ps_mask(y, one, _CMP_GT_OQ);
        _mm512_storeu_ps(d + i, _mm512_maskz_mul_ps(~clipped, _mm512_loadu_ps(d + i), slope));
      }
      _mm512_storeu_ps(x + i, _mm512_min_ps(one, _mm512_max_ps(floor, y)));
    }
  }
#endif
  const float* rows[kIntervalNumbers];
  for (int r = 0; r < kIntervalNumbers; ++r) rows[r] = curve.rows + r * curve.room;
  for (; i < n; ++i) {
    const float at = clip(x[i], curve.low, curve.high);
    const int bucket = static_cast<int>((at - curve.low) * per_bucket);
    int k = curve.bucket[std::max(0, std::min(bucket, curve.buckets - 1))];
    k += k + 1 < curve.count && at >= rows[kEnd][k];
    const float s = (at - rows[kStart][k]) * rows[kPerWidth][k];
    const float b = rows[kCubic + 1][k], c = rows[kCubic + 2][k], e = rows[kCubic + 3][k];
    const float slope = (b + s * (2 * c + s * 3 * e)) * rows[kPerWidth][k];
    const float y = rows[kCubic][k] + s * (b + s * (c + s * e)) + (x[i] - at) * slope;
    if (Grad) d[i] *= inside(y, low, 1) ? slope : 0.0f;
    x[i] = clip(y, low, 1);
  }
}

// charge -> width in [low, 1]. Multiplies `d` by the derivative.
template <bool Grad>
inline void convert(const Stage& stage, int n, float* x, float* d) {
  if (stage.curve.count) return follow<Grad>(stage.curve, stage.low, n, x, d);
  for (int i = 0; i < n; ++i) {
    if (Grad) d[i] = inside(x[i], stage.low, 1) ? d[i] : 0.0f;
    x[i] = clip(x[i], stage.low, 1);
  }
}

}  // namespace gaincell
