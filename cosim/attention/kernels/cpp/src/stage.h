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
[[gnu::noinline]] inline void column_of_order(const Column& m, int n, const float* charge, const float* load,
                                              float* out, float* d_charge, float* d_load) {
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
  for (int i = 0; i < n; i += kFlagLanes) flags[i / 8] = inside_lanes(charge + i, low, 1.0f);
}

// x where the flag is set, else 0.
inline void where_inside(const uint8_t* flags, const float* x, int n, float* out) {
  int i = 0;
  for (; i + kFlagLanes <= n; i += kFlagLanes) store_where(flags[i / 8], x + i, out + i);
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

// Charge -> width along the curve; n is a multiple of 32.
template <bool Grad>
[[gnu::noinline]] inline void follow(const Curve& curve, float low, int n, float* x, float* d) {
  const vf start = broadcast(curve.start), per_bucket = broadcast(curve.per_bucket),
           last = broadcast(static_cast<float>(curve.buckets - 1));
  constexpr int together = 32;  // step by step, so that no vector waits for its own
  for (; n > 0; n -= together, x += together, d += Grad ? together : 0) {
    alignas(64) uint32_t place[together];
    for (int i = 0; i < together; i += kLanes) {
      const vf at = (load(x + i) - start) * per_bucket, after = at > 0 ? at : vf{};  // not a number: the first bucket
      const vi bucket = whole_lanes(after < last ? after : last);
      std::memcpy(place + i, &bucket, sizeof bucket);
      store(x + i, at);
    }
    keep_in_memory(place);
    for (int i = 0; i < together; i += kLanes) {
      vi bucket;
      std::memcpy(&bucket, place + i, sizeof bucket);
      const vf at = load(x + i);
      const vi row = (bucket + bucket - (at > gather(curve.knots, place + i))) << 2;
      store(x + i, at - __builtin_convertvector(bucket, vf));
      std::memcpy(place + i, &row, sizeof row);
    }
    keep_in_memory(place);
    for (int i = 0; i < together; i += kLanes) {
      vf c[4];
      gather_rows(curve.rows, place + i, c);
      const vf r = load(x + i), y = c[0] + r * (c[1] + r * (c[2] + r * c[3]));
      if (Grad) {
        const vf slope = per_bucket * (c[1] + r * ((c[2] + c[2]) + r * (3.0f * c[3])));
        store(d + i, (y < low) | (y > 1.0f) ? vf{} : load(d + i) * slope);
      }
      store(x + i, clip_lanes(y, broadcast(low), broadcast(1.0f)));
    }
  }
}

// charge -> width in [low, 1]. Multiplies `d` by the derivative.
template <bool Grad>
inline void convert(const Stage& stage, int n, float* x, float* d) {
  if (stage.curve.buckets) return follow<Grad>(stage.curve, stage.low, n, x, d);
  for (int i = 0; i < n; ++i) {
    if (Grad) d[i] = inside(x[i], stage.low, 1) ? d[i] : 0.0f;
    x[i] = clip(x[i], stage.low, 1);
  }
}

}  // namespace gaincell
