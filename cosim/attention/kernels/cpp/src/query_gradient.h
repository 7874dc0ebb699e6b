// From the gradient of a block's pulses to that of its queries.
#pragma once

#include <cmath>

#include "ages.h"
#include "stage.h"

namespace gaincell {

// What does not depend on the cell: the same share of every row's element.
inline void add_common(const Array& a, int rows, const float* summed, float* grad) {
  const int wide = padded(a.width);
  for (int row = 0; row < rows && a.gradient_constant != 0; ++row)
    for (int d = 0; d < a.width; ++d) grad[row * wide + d] += a.gradient_constant * summed[row];
}

// Gradient of the pulses of both phases, or of a row and its complement -> gradient of q.
[[gnu::noinline]] inline void query_gradient(const Problem& p, int b, const Queries& block, const float* grad,
                                             float* out) {
  const int wide = padded(p.first_cells.width), n = p.depth, steps = p.query_steps;
  const float low = p.query_signed ? -1.0f : 0.0f;
  const bool two = p.phases == 2 || (p.query_steps && p.first_cells.mirrored);
  for (int t = 0; t < block.rows; ++t) {
    const float* __restrict q = p.pulses + b * p.q_batch + block.head * p.q_head + (block.first + t) * p.q_row;
    fetch(q + kAhead * p.q_row, n);
    const float* __restrict row = grad + static_cast<size_t>(t) * wide;
    const float* __restrict minus = p.phases == 2 ? row : row + n;
    const float* __restrict plus = p.phases == 2 ? row + static_cast<size_t>(kTile) * wide : row;
    float* __restrict to = out + static_cast<size_t>(t) * n;
    if (two)
      for (int d = 0; d < n; ++d) {
        const float x = steps ? std::nearbyint(clip(q[d], low, 1) * steps) : q[d];
        to[d] = (x >= 0 ? plus[d] : 0.0f) - (x <= 0 ? minus[d] : 0.0f);
      }
    else
      for (int d = 0; d < n; ++d) to[d] = row[d];
    if (steps)
      for (int d = 0; d < n; ++d) to[d] = inside(q[d], low, 1) ? to[d] : 0.0f;
  }
}

}  // namespace gaincell
