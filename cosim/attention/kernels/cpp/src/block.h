// One block of up to 64 queries of one head against the runs of keys that it can see: both products and what
// lies between them. Rows are queries, columns are keys of a run.
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "ages.h"
#include "packed.h"
#include "stage.h"

namespace gaincell {

constexpr int kColumnsAtOnce = 256;

// Pulses of a block, one row per query and phase, none negative: whole numbers of steps, or as they are.
[[gnu::noinline]] inline void pulses(const Problem& p, int b, Queries& block, float* out, float* __restrict raw) {
  const int width = p.first_cells.width, wide = padded(width);
  for (int phase = 0; phase < p.phases; ++phase) {
    float* to = out + static_cast<size_t>(phase) * kTile * wide;
    for (int t = 0; t < block.rows && width < wide; ++t) std::fill(to + t * wide + width, to + (t + 1) * wide, 0.0f);
    std::fill(to + block.rows * wide, to + block.filled * wide, 0.0f);
  }
  const float per_step = p.query_steps ? 1.0f / p.query_steps : 1.0f;
  const int n = p.depth, steps = p.query_steps;
  const float low = p.query_signed ? -1.0f : 0.0f;
  const bool mirrored = steps && p.first_cells.mirrored;
  for (int t = 0; t < block.rows; ++t) {
    const float* __restrict q = p.pulses + b * p.q_batch + block.head * p.q_head + (block.first + t) * p.q_row;
    fetch(q + kAhead * p.q_row, n);
    float* __restrict row = out + static_cast<size_t>(t) * wide;
    if (steps)
      for (int d = 0; d < n; ++d) raw[d] = std::nearbyint(clip(q[d], low, 1) * steps);
    else
      for (int d = 0; d < n; ++d) raw[d] = q[d];
    if (p.phases == 2) {
      float* __restrict second = row + static_cast<size_t>(kTile) * wide;
      for (int d = 0; d < n; ++d) row[d] = raw[d] > 0 ? 0 : -raw[d];
      for (int d = 0; d < n; ++d) second[d] = raw[d] < 0 ? 0 : raw[d];
    } else {
      for (int d = 0; d < n; ++d) row[d] = mirrored && raw[d] < 0 ? 0 : raw[d];
      if (mirrored)
        for (int d = 0; d < n; ++d) row[n + d] = raw[d] > 0 ? 0 : -raw[d];
    }
    for (int phase = 0; phase < p.phases; ++phase) {
      const float* own = row + static_cast<size_t>(phase) * kTile * wide;
      float& bias = block.bias[phase][t];
      bias = p.first_cells.constant * per_step * sum_of(own, wide);
      if (p.first.edge != 0) bias += p.first.edge * positive_of(own, wide);
    }
  }
}

// Derivatives of phi by the charge and the loading of each phase.
struct Slopes {
  float* charge[kPhases] = {};
  float* load[kPhases] = {};
};

// One row of the first stage, n keys: charges and loads of each phase (destroyed) -> phi, and its derivatives; n is a
// multiple of 32.
template <bool Grad>
inline void first_row(const Problem& p, int head, const Run& run, int n, float* const* charge, float* const* load,
                      float* phi, float* const* by_charge, float* const* by_load) {
  alignas(64) float d[kTile], total[kTile], held[kTile], c0[kTile], u0[kTile], c1[kTile], u1[kTile];
  const Column& m = p.first.column;
  const bool two = p.phases == 2;
  if (!m.order && !two && !p.first.deviation && !p.first.curve.buckets) {  // ideal: all in one
    const float* __restrict from = charge[0];
    float* __restrict to = phi;
    for (int s = 0; s < n; ++s) to[s] = clip(from[s], 0, 1);
    for (int s = 0; s < n && Grad; ++s) by_charge[0][s] = inside(from[s], 0, 1) ? 1.0f : 0.0f;
    return;
  }
  if (!m.order) {
    for (int s = 0; s < n; ++s) total[s] = two ? charge[1][s] - charge[0][s] : charge[0][s];
  } else if (!two) {
    column<Grad>(m, n, charge[0], load[0], total, c0, u0);
  } else {  // see two_phase_charge
    column<Grad>(m, n, charge[0], load[0], held, c0, u0);
    for (int s = 0; s < n; ++s) held[s] *= p.retained;
    for (int s = 0; s < n; ++s) charge[1][s] += held[s] * load[1][s];
    column<Grad>(m, n, charge[1], load[1], total, c1, u1);
    for (int s = 0; s < n; ++s) total[s] -= held[s];
  }
  if (Grad)
    for (int s = 0; s < n; ++s) d[s] = 1;
  if (p.first.deviation)
    deviate<Grad>(false, p.first.deviation + 2 * (static_cast<int64_t>(head) * p.keys + run.first),
                  std::min(n, run.count), total, d);
  convert<Grad>(p.first, n, total, d);
  for (int s = 0; s < n; ++s) phi[s] = total[s];
  if (!Grad) return;
  if (!m.order) {
    for (int s = 0; s < n; ++s) by_charge[two][s] = d[s];
    if (two)
      for (int s = 0; s < n; ++s) by_charge[0][s] = -d[s];
  } else if (!two) {
    for (int s = 0; s < n; ++s) by_charge[0][s] = d[s] * c0[s];
    for (int s = 0; s < n; ++s) by_load[0][s] = d[s] * u0[s];
  } else {
    for (int s = 0; s < n; ++s) {
      const float by_held = d[s] * (c1[s] * load[1][s] - 1) * p.retained;
      by_charge[1][s] = d[s] * c1[s];
      by_load[1][s] = d[s] * (c1[s] * held[s] + u1[s]);
      by_charge[0][s] = by_held * c0[s];
      by_load[0][s] = by_held * u0[s];
    }
  }
}

inline void keep_seen(float* row, int from, int to) {
  std::fill(row, row + from, 0.0f);
  std::fill(row + to, row + kTile, 0.0f);
}

// Charges of a run (phases, charge and loading, kTile, kTile), destroyed -> phi (rows, kTile), zero where not seen.
template <bool Grad>
[[gnu::noinline]] inline void first_stage(const Problem& p, int head, const Run& run, const Queries& block,
                                          float* charges, float* phi, const Slopes& slopes) {
  const bool loaded = p.first_cells.loaded;
  const size_t each = static_cast<size_t>(kTile) * kTile, start = static_cast<size_t>(block.rows) * kTile,
               end = static_cast<size_t>(block.filled) * kTile;
  for (int t = 0; t < block.rows; ++t) {
    int from, to;
    seen(p, run, block.position[t], from, to);
    const size_t row = static_cast<size_t>(t) * kTile;
    float *charge[kPhases] = {}, *load[kPhases] = {}, *by_charge[kPhases] = {}, *by_load[kPhases] = {};
    for (int phase = 0; phase < p.phases; ++phase) {
      charge[phase] = charges + phase * (1 + loaded) * each + row;
      load[phase] = loaded ? charge[phase] + each : nullptr;
      by_charge[phase] = Grad ? slopes.charge[phase] + row : nullptr;
      by_load[phase] = Grad && loaded ? slopes.load[phase] + row : nullptr;
    }
    if (from < to) first_row<Grad>(p, head, run, padded(to), charge, load, phi + row, by_charge, by_load);
    if (from == 0 && to == kTile) continue;
    keep_seen(phi + row, from, to);
    for (int phase = 0; phase < p.phases && Grad; ++phase) {
      keep_seen(by_charge[phase], from, to);
      if (loaded) keep_seen(by_load[phase], from, to);
    }
  }
  std::fill(phi + start, phi + std::max(start, end), 0.0f);
  for (int phase = 0; phase < p.phases && Grad; ++phase) {
    std::fill(slopes.charge[phase] + start, slopes.charge[phase] + std::max(start, end), 0.0f);
    if (loaded) std::fill(slopes.load[phase] + start, slopes.load[phase] + std::max(start, end), 0.0f);
  }
}

// Second stage of `n` columns of one sub-tile from column `first` on, at most kColumnsAtOnce of them.
template <bool Grad>
inline void second_columns(const Problem& p, int head, int tile, int first, int n, float* charge, float* load,
                           float* by_charge, float* by_load) {
  const Column& m = p.second.column;
  if (m.order) {
    column<Grad>(m, n, charge, load, charge, by_charge, by_load);
  } else if (Grad) {
    for (int c = 0; c < n; ++c) by_charge[c] = 1;
  }
  const int width = p.second_cells.width;
  alignas(64) float d[kColumnsAtOnce];
  for (int c = 0; c < n && Grad; ++c) d[c] = 1;
  if (p.second.deviation)
    deviate<Grad>(true, p.second.deviation + 4 * ((static_cast<int64_t>(head) * p.tiles + tile) * width + first),
                  std::min(n, width - first), charge, d);
  convert<Grad>(p.second, n, charge, d);
  if (p.output_steps) {
    const float steps = p.output_steps, per = 1.0f / steps;
    for (int c = 0; c < n; ++c) charge[c] = std::nearbyint(charge[c] * steps) * per;
  }
  if (Grad)
    for (int c = 0; c < n; ++c) by_charge[c] *= d[c];
  if (Grad && m.order)
    for (int c = 0; c < n; ++c) by_load[c] *= d[c];
}

// Second stage of one sub-tile, rows of n columns: charge and load (destroyed) -> counted read-out. On a chip every
// column is another; elsewhere rows are taken as they lie, several at a time.
template <bool Grad>
[[gnu::noinline]] inline void second_rows(const Problem& p, int head, int tile, int rows, int n, float* charge,
                                          float* load, float* by_charge, float* by_load) {
  const int length = p.second.deviation ? n : rows * n;
  for (int start = 0; start < rows * n; start += length)
    for (int c = 0; c < length; c += kColumnsAtOnce) {
      const int at = start + c;
      second_columns<Grad>(p, head, tile, c, std::min(kColumnsAtOnce, length - c), charge + at, load + at,
                           Grad ? by_charge + at : nullptr, Grad ? by_load + at : nullptr);
    }
}

}  // namespace gaincell
