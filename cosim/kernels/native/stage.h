// What follows the cells, on rows of n numbers: column, a chip's converter, converter. Written so that compilers
// turn every loop into vectors; derivatives where `Grad`. Values that are not numbers stay so.
#pragma once

#include <algorithm>
#include <cmath>

#include "problem.h"

namespace gaincell {

inline float clip(float x, float low, float high) { return x < low ? low : (x > high ? high : x); }
inline bool inside(float x, float low, float high) { return !(x < low) && !(x > high); }

// charge -> charge delivered, which may take its place; d_charge, d_load: its partial derivatives.
template <bool Grad>
inline void column(const Column& m, int n, const float* charge, const float* load, float* out, float* d_charge, float* d_load) {
  for (int i = 0; i < n; ++i) {
    const float x = charge[i];
    const float a = clip(x * m.scale, m.a_low, m.a_high), u = clip(load[i], m.u_low, m.u_high);
    float sum = 0, by_a = 0, by_u = 0;
    for (int p = m.order - 1; p >= 0; --p) {
      float inner = 0, slope = 0;
      for (int j = m.order - 1; j >= 0; --j) {
        if (Grad) slope = slope * u + inner;
        inner = inner * u + m.c[p][j];
      }
      if (Grad) {
        by_a = by_a * a + sum;
        by_u = by_u * a + slope;
      }
      sum = sum * a + inner;
    }
    out[i] = x * (1 + sum);
    if (Grad) {
      const float in_a = inside(x * m.scale, m.a_low, m.a_high) ? m.scale : 0.0f;
      const float in_u = inside(load[i], m.u_low, m.u_high) ? 1.0f : 0.0f;
      d_charge[i] = 1 + sum + x * by_a * in_a;
      d_load[i] = x * by_u * in_u;
    }
  }
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

// charge -> width in [low, 1]. Multiplies `d` by the derivative.
template <bool Grad>
inline void convert(const Stage& stage, int n, float* x, float* d) {
  const float low = stage.low;
  const Curve& curve = stage.curve;
  if (curve.count) {
    const float first = curve.knots[0], last = curve.knots[curve.count - 1];
    const float per_bucket = curve.buckets / (last - first);
    for (int i = 0; i < n; ++i) {
      const float at = x[i] > first ? (x[i] < last ? x[i] : last) : first;
      const int bucket = std::min(static_cast<int>((at - first) * per_bucket), curve.buckets - 1);
      int k = curve.bucket[bucket];
      for (int step = 0; step < curve.refine; ++step) k += k + 2 < curve.count && at >= curve.knots[k + 1];
      const float* c = curve.cubic + 4 * k;
      const float per_width = 1 / (curve.knots[k + 1] - curve.knots[k]);
      const float s = (at - curve.knots[k]) * per_width;
      const float slope = (c[1] + s * (2 * c[2] + s * 3 * c[3])) * per_width;
      const float y = c[0] + s * (c[1] + s * (c[2] + s * c[3])) + (x[i] - at) * slope;
      if (Grad) d[i] *= inside(y, low, 1) ? slope : 0.0f;
      x[i] = clip(y, low, 1);
    }
    return;
  }
  for (int i = 0; i < n; ++i) {
    if (Grad) d[i] = inside(x[i], low, 1) ? d[i] : 0.0f;
    x[i] = clip(x[i], low, 1);
  }
}

}  // namespace gaincell
