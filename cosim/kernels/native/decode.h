// One query per head against its cache: every stored element is read once, its level found and looked up in a table
// of its key's age, without packing anything.
#pragma once

#include "forward.h"

namespace gaincell {

constexpr int kEntries = 16;  // of a table: levels, and one for what is not a number
constexpr int kTables = 4;

// Cases that the general path takes: more levels, terms as they are.
inline bool decodes(const Problem& p) {
  return p.queries == 1 && p.first_cells.levels && p.second_cells.levels && p.query_steps && std::max(p.first_cells.levels, p.second_cells.levels) < kEntries;
}

// Responses by level at one age.
struct Tables {
  alignas(64) float of[kTables][kEntries];
};

#if defined(__AVX512F__)
// Sixteen elements' levels in the low bits of each lane. x / span as correctly rounded as a division, which would take
// twice as long as all the rest; the addition of `kMagic` rounds to the nearest whole number.
struct Leveller {
  static constexpr float kMagic = 12582912.0f;
  __m512 low, high, span, inverse, steps;
  explicit Leveller(const Array& a)
      : low(_mm512_set1_ps(a.low)), high(_mm512_set1_ps(a.high)), span(_mm512_set1_ps(a.high - a.low)), inverse(_mm512_set1_ps(1 / (a.high - a.low))), steps(_mm512_set1_ps(a.levels - 1)) {}
  __m512i operator()(__m512 x) const {
    x = _mm512_sub_ps(_mm512_min_ps(high, _mm512_max_ps(low, x)), low);
    const __m512 q = _mm512_mul_ps(x, inverse);
    const __m512 share = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, span, x), inverse, q);
    return _mm512_castps_si512(_mm512_fmadd_ps(share, steps, _mm512_set1_ps(kMagic)));
  }
};

// Blocks of sixteen elements, the last one perhaps not whole.
inline __mmask16 lanes(int depth, int d) { return depth - d < 16 ? static_cast<__mmask16>((1u << (depth - d)) - 1) : static_cast<__mmask16>(0xffff); }

// sums[j] = sum_d weights[j][d] tables[j][level of volts[d]]; weights are zero beyond `depth`.
template <int J>
inline void weigh(const Array&, const Leveller& level, const float* volts, int depth, const Tables& tables, const float* const* weights, float* sums) {
  __m512 sum[J], table[J], odd = _mm512_setzero_ps();
  for (int j = 0; j < J; ++j) {
    sum[j] = _mm512_setzero_ps();
    table[j] = _mm512_load_ps(tables.of[j]);
  }
  const auto block = [&](__m512 x, int d) {
    const __m512i l = level(x);
    for (int j = 0; j < J; ++j) sum[j] = _mm512_fmadd_ps(_mm512_loadu_ps(weights[j] + d), _mm512_permutexvar_ps(l, table[j]), sum[j]);
    odd = _mm512_fmadd_ps(x, _mm512_setzero_ps(), odd);  // not a number where x is none
  };
  int d = 0;
  for (; d + 16 <= depth; d += 16) block(_mm512_loadu_ps(volts + d), d);
  if (d < depth) block(_mm512_maskz_loadu_ps(lanes(depth, d), volts + d), d);
  for (int j = 0; j < J; ++j) sums[j] = _mm512_reduce_add_ps(_mm512_add_ps(sum[j], odd));
}

// sums[j][d] += sum_s weight_s tables_s[j][level of volts_s[d]] for the keys of a run; tables come weighted.
template <int J, int N>
inline void gather_blocks(const Leveller& level, const float* volts, int64_t stride, int keys, int depth, int first, const Tables* tables, float* const* sums) {
  __m512 sum[J][N];
  for (int j = 0; j < J; ++j)
    for (int n = 0; n < N; ++n) sum[j][n] = _mm512_setzero_ps();
  for (int s = 0; s < keys; ++s) {
    __m512 table[J];
    for (int j = 0; j < J; ++j) table[j] = _mm512_load_ps(tables[s].of[j]);
    for (int n = 0; n < N; ++n) {
      const float* from = volts + s * stride + first + 16 * n;
      const __m512 x = N == 1 ? _mm512_maskz_loadu_ps(lanes(depth, first), from) : _mm512_loadu_ps(from);
      const __m512i l = level(x);
      for (int j = 0; j < J; ++j) sum[j][n] = _mm512_add_ps(sum[j][n], _mm512_permutexvar_ps(l, table[j]));
      sum[0][n] = _mm512_fmadd_ps(x, _mm512_setzero_ps(), sum[0][n]);  // not a number where x is none
    }
  }
  for (int j = 0; j < J; ++j)
    for (int n = 0; n < N; ++n) {
      float* to = sums[j] + first + 16 * n;  // padded
      _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sum[j][n]));
    }
}

template <int J>
inline void gather(const Array&, const Leveller& level, const float* volts, int64_t stride, int keys, int depth, const Tables* tables, float* const* sums) {
  int d = 0;
  for (; d + 64 <= depth; d += 64) gather_blocks<J, 4>(level, volts, stride, keys, depth, d, tables, sums);
  for (; d + 32 <= depth; d += 32) gather_blocks<J, 2>(level, volts, stride, keys, depth, d, tables, sums);
  for (; d < depth; d += 16) gather_blocks<J, 1>(level, volts, stride, keys, depth, d, tables, sums);
}
#else
struct Leveller {
  explicit Leveller(const Array&) {}
};

template <int J>
inline void weigh(const Array& a, const Leveller&, const float* volts, int depth, const Tables& tables, const float* const* weights, float* sums) {
  int level[2 * kTile * 2 + 2];
  levels_of(a, volts, level);
  for (int j = 0; j < J; ++j) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int d = 0; d < depth; ++d) sum += weights[j][d] * tables.of[j][level[d]];
    sums[j] = sum;
  }
}

template <int J>
inline void gather(const Array& a, const Leveller&, const float* volts, int64_t stride, int keys, int depth, const Tables* tables, float* const* sums) {
  int level[2 * kTile * 2 + 2];
  for (int s = 0; s < keys; ++s) {
    levels_of(a, volts + s * stride, level);
    for (int j = 0; j < J; ++j)
      for (int d = 0; d < depth; ++d) sums[j][d] += tables[s].of[j][level[d]];
  }
}
#endif

// Terms by level, every row as long as a vector.
struct Terms {
  const Array& a;
  Buffer<float> rows;

  explicit Terms(const Array& array) : a(array), rows(static_cast<size_t>(array.channels()) * kEntries) {
    const int entries = a.levels + 1;
    for (int c = 0; c < a.channels(); ++c)
      for (int e = 0; e < kEntries; ++e) rows[c * kEntries + e] = e < entries ? a.table[c * entries + e] : 0.0f;
  }
  // Responses of a key `age` tokens old times a weight: [0] charge, [1] loading.
  void at(int64_t age, float weight, Tables& tables) const {
    alignas(64) float sum[kEntries] = {};
    for (int c = 0; c < a.terms; ++c) {
      const float factor = weight * (a.kinds[c] == kNone ? 1.0f : a.factors[c * a.ages + age]);
      for (int e = 0; e < kEntries; ++e) sum[e] += factor * rows[c * kEntries + e];
    }
    for (int e = 0; e < kEntries; ++e) tables.of[0][e] = sum[e];
    for (int e = 0; e < kEntries && a.loaded; ++e) tables.of[1][e] = weight * rows[a.terms * kEntries + e];
  }
};

// Tables and weights of the sums that the first product needs: charge of each phase, and loading.
struct FirstSums {
  int phases = 1, per_phase = 1;
  bool loaded = false, mirrored = false;
  const float* weights[kTables] = {};

  FirstSums(const Problem& p, const float* plus, const float* minus) {
    phases = p.phases;
    loaded = p.first_cells.loaded;
    mirrored = p.first_cells.mirrored;
    const int kinds = loaded ? 2 : 1;
    for (int kind = 0; kind < kinds; ++kind) {
      weights[kind] = plus;
      weights[kinds + kind] = minus;
    }
  }
  int count() const { return (loaded ? 2 : 1) * (phases == 2 || mirrored ? 2 : 1); }
  // The other half of the tables: the same of the second phase, or those of the complements.
  void complete(const Array& a, Tables& tables) const {
    const int kinds = loaded ? 2 : 1;
    if (count() == kinds) return;
    for (int kind = 0; kind < kinds; ++kind)
      for (int e = 0; e < kEntries; ++e)
        tables.of[kinds + kind][e] = mirrored && e < a.levels ? tables.of[kind][a.levels - 1 - e] : tables.of[kind][e];
  }
};

// Charges (and loadings) of the keys of a run -> phi.
inline void first_of_run(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const FirstSums& sums, const Terms& terms, const Leveller& level, float* phi) {
  const Array& a = p.first_cells;
  const float per_step = 1.0f / p.query_steps;
  const int kinds = sums.loaded ? 2 : 1, depth = a.depth();
  alignas(64) float charge[kPhases][kTile] = {}, load[kPhases][kTile] = {};
  int from, to;
  seen(p, run, block.position[0], from, to);
  Tables tables;
  const float* volts = volts_of(a, b, kv_head, run.first);
  for (int s = from; s < to; ++s) {
    terms.at(block.position[0] - run.position - s, 1, tables);
    sums.complete(a, tables);
    float found[kTables] = {};
    const float* own = volts + s * a.key_stride;
    switch (sums.count()) {
      case 1: weigh<1>(a, level, own, depth, tables, sums.weights, found); break;
      case 2: weigh<2>(a, level, own, depth, tables, sums.weights, found); break;
      default: weigh<4>(a, level, own, depth, tables, sums.weights, found);
    }
    if (sums.phases == 2) {  // the negative pulses come first
      charge[1][s] = per_step * found[0];
      charge[0][s] = per_step * found[kinds];
      load[1][s] = per_step * found[kinds - 1];
      load[0][s] = per_step * found[2 * kinds - 1];
    } else {
      charge[0][s] = per_step * (found[0] + (sums.mirrored ? found[kinds] : 0.0f));
      load[0][s] = per_step * (found[kinds - 1] + (sums.mirrored ? found[2 * kinds - 1] : 0.0f));
    }
  }
  for (int phase = 0; phase < p.phases; ++phase)
    for (int s = 0; s < kTile; ++s) charge[phase][s] += block.bias[phase][0];
  first_row<false>(p, kv_head, run, charge, load, phi, nullptr, nullptr);
  for (int s = 0; s < kTile; ++s) phi[s] = s < from || s >= to ? 0 : phi[s];
}

// Adds a run's charge and loading on the columns of the V array.
inline void second_of_run(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const float* phi, const Terms& terms, const Leveller& level, std::vector<Tables>& tables, float* charge, float* load) {
  const Array& a = p.second_cells;
  int from, to;
  seen(p, run, block.position[0], from, to);
  float* sums[2] = {charge, load};
  const int depth = a.depth(), kinds = a.loaded ? 2 : 1;
  const int extra = a.has_extra ? static_cast<int>(std::nearbyint((a.extra - a.low) / (a.high - a.low) * (a.levels - 1))) : 0;
  float common = 0;
  for (int s = from; s < to; ++s) {
    terms.at(block.position[0] - run.position - s, phi[s], tables[s - from]);
    for (int j = 0; j < kinds && a.has_extra; ++j) sums[j][depth] += tables[s - from].of[j][extra];
    common += a.constant * phi[s] + (phi[s] > 0 ? p.second.edge : 0.0f);
  }
  const float column[2] = {charge[depth], load[depth]};  // whole vectors are written, over the extra column too
  const float* volts = volts_of(a, b, kv_head, run.first + from);
  if (a.loaded)
    gather<2>(a, level, volts, a.key_stride, to - from, depth, tables.data(), sums);
  else
    gather<1>(a, level, volts, a.key_stride, to - from, depth, tables.data(), sums);
  for (int j = 0; j < kinds && a.has_extra; ++j) sums[j][depth] = column[j];
  for (int c = 0; c < a.width; ++c) charge[c] += common;
}

// out: (B, H, 1, width); the heads that share one pair of arrays.
inline void decode_heads(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs, int b, int kv_head, float* out) {
  const int n = p.depth, width = p.second_cells.width, deep = padded(width), wide = padded(p.first_cells.width);
  Buffer<float> pulse(static_cast<size_t>(p.phases) * kTile * wide), raw(wide), charge(deep + 16), load(deep + 16);
  const Leveller first(p.first_cells), second(p.second_cells);
  const Terms first_terms(p.first_cells), second_terms(p.second_cells);
  std::vector<Tables> tables(kTile);
  Queries block;
  block.rows = block.filled = 1;
  block.position[0] = p.query_position[b * p.position_stride];
  std::vector<int> found;
  for (int h = kv_head * p.group(); h < (kv_head + 1) * p.group(); ++h) {
    pulses(p, b, h, 0, block, pulse.data(), raw.data());
    const float* other = p.phases == 2 ? pulse.data() + static_cast<size_t>(kTile) * wide : pulse.data() + n;
    const FirstSums sums(p, p.phases == 2 ? other : pulse.data(), p.phases == 2 ? pulse.data() : other);
    float* to = out + (static_cast<size_t>(b) * p.heads + h) * width;
    std::fill(to, to + width, 0.0f);
    for (const auto& members : tiles) {
      visible(p, runs, members, block, found);
      if (!operated(p, runs, found, block.position[0])) continue;
      std::fill(charge.begin(), charge.end(), 0.0f);
      std::fill(load.begin(), load.end(), 0.0f);
      for (int r : found) {
        alignas(64) float phi[kTile];
        first_of_run(p, b, kv_head, runs[r], block, sums, first_terms, first, phi);
        second_of_run(p, b, kv_head, runs[r], block, phi, second_terms, second, tables, charge.data(), load.data());
      }
      second_row<false>(p, kv_head, runs[found[0]].tile, deep, charge.data(), load.data(), nullptr, nullptr);
      for (int c = 0; c < width; ++c) to[c] += charge[c];
    }
  }
}

inline void decode(const Problem& p, const std::vector<Run>& runs, int64_t begin, int64_t end, float* out) {
  for (int64_t i = begin; i < end; ++i) {
    const int b = static_cast<int>(i / p.kv_heads), kv_head = static_cast<int>(i % p.kv_heads);
    const int64_t position = p.query_position[b * p.position_stride];
    decode_heads(p, sub_tiles(runs, oldest_seen(p, position), position), runs, b, kv_head, out);
  }
}

}  // namespace gaincell
