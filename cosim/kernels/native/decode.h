// One query per head against its cache: every stored element is read once, its level found and looked up in a table
// of its key's age, without packing anything.
#pragma once

#include "forward.h"

namespace gaincell {

constexpr int kEntries = 16;  // of a table: one for what is not a number, then the levels
constexpr int kTables = 4;

// Cases that the general path takes: more levels, terms as they are.
inline bool decodes(const Problem& p) {
  return p.queries == 1 && p.first_cells.levels && p.second_cells.levels && p.query_steps && std::max(p.first_cells.levels, p.second_cells.levels) < kEntries;
}

// Asks for a row before it is needed.
inline void fetch(const float* row, int depth) {
  for (int d = 0; d < depth; d += 16) __builtin_prefetch(row + d);
}

// Responses by level at one age.
struct Tables {
  alignas(64) float of[kTables][kEntries];
};

#if defined(__AVX512F__)
// Entries of a table for sixteen elements, in the low bits of each lane. Those of what is not a number are zero.
struct Leveller {
  __m512 low, high, per_volt, magic;
  explicit Leveller(const Array& a)
      : low(_mm512_set1_ps(a.low)), high(_mm512_set1_ps(a.high)), per_volt(_mm512_set1_ps(a.per_volt)), magic(_mm512_set1_ps(kMagic + 1)) {}
  __m512i operator()(__m512 x) const {
    x = _mm512_sub_ps(_mm512_min_ps(high, _mm512_max_ps(low, x)), low);
    return _mm512_castps_si512(_mm512_fmadd_ps(x, per_volt, magic));
  }
};

// Blocks of sixteen elements, the last one perhaps not whole.
inline __mmask16 lanes(int depth, int d) { return depth - d < 16 ? static_cast<__mmask16>((1u << (depth - d)) - 1) : static_cast<__mmask16>(0xffff); }

// sums[j] = sum_d weights[j][d] tables[j][level of volts[d]]
template <int J>
inline void weigh(const Array&, const Leveller& level, const float* volts, int depth, const Tables& tables, const float* const* weights, float* sums) {
  __m512 sum[J], table[J];
  for (int j = 0; j < J; ++j) {
    sum[j] = _mm512_setzero_ps();
    table[j] = _mm512_load_ps(tables.of[j]);
  }
  const auto block = [&](__mmask16 in, int d) {
    const __m512 x = _mm512_maskz_loadu_ps(in, volts + d);
    const __m512i l = level(x);
    for (int j = 0; j < J; ++j) sum[j] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(in, weights[j] + d), _mm512_permutexvar_ps(l, table[j]), sum[j]);
  };
  int d = 0;
  for (; d + 16 <= depth; d += 16) block(static_cast<__mmask16>(0xffff), d);
  if (d < depth) block(lanes(depth, d), d);
  for (int j = 0; j < J; ++j) sums[j] = _mm512_reduce_add_ps(sum[j]);
}

// sums[j][d] += sum_i tables_i[j][level of volts_i[d]] for the keys that have a pulse; tables come weighted.
template <int J, int N>
inline void gather_blocks(const Leveller& level, const float* const* volts, int keys, int depth, int first, const Tables* tables, float* const* sums) {
  __m512 sum[J][N];
  for (int j = 0; j < J; ++j)
    for (int n = 0; n < N; ++n) sum[j][n] = _mm512_setzero_ps();
  for (int s = 0; s < keys; ++s) {
    __m512 table[J];
    for (int j = 0; j < J; ++j) table[j] = _mm512_load_ps(tables[s].of[j]);
    for (int n = 0; n < N; ++n) {
      const float* from = volts[s] + first + 16 * n;
      const __m512 x = N == 1 ? _mm512_maskz_loadu_ps(lanes(depth, first), from) : _mm512_loadu_ps(from);
      const __m512i l = level(x);
      for (int j = 0; j < J; ++j) sum[j][n] = _mm512_add_ps(sum[j][n], _mm512_permutexvar_ps(l, table[j]));
    }
  }
  for (int j = 0; j < J; ++j)
    for (int n = 0; n < N; ++n) {
      float* to = sums[j] + first + 16 * n;  // padded
      _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sum[j][n]));
    }
}

template <int J>
inline void gather(const Array&, const Leveller& level, const float* const* volts, int keys, int depth, const Tables* tables, float* const* sums) {
  int d = 0;
  for (; d + 64 <= depth; d += 64) gather_blocks<J, 4>(level, volts, keys, depth, d, tables, sums);
  for (; d + 32 <= depth; d += 32) gather_blocks<J, 2>(level, volts, keys, depth, d, tables, sums);
  for (; d < depth; d += 16) gather_blocks<J, 1>(level, volts, keys, depth, d, tables, sums);
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
    for (int d = 0; d < depth; ++d) sum += weights[j][d] * tables.of[j][(level[d] + 1) % (a.levels + 1)];
    sums[j] = sum;
  }
}

template <int J>
inline void gather(const Array& a, const Leveller&, const float* const* volts, int keys, int depth, const Tables* tables, float* const* sums) {
  int level[2 * kTile * 2 + 2];
  for (int s = 0; s < keys; ++s) {
    levels_of(a, volts[s], level);
    for (int j = 0; j < J; ++j)
      for (int d = 0; d < depth; ++d) sums[j][d] += tables[s].of[j][(level[d] + 1) % (a.levels + 1)];
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
      for (int e = 0; e < kEntries; ++e) rows[c * kEntries + e] = e < entries ? a.table[c * entries + (e ? e - 1 : a.levels)] : 0.0f;
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
        tables.of[kinds + kind][e] = mirrored && e && e <= a.levels ? tables.of[kind][a.levels + 1 - e] : tables.of[kind][e];
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
    fetch(own + kTile * a.key_stride, depth);
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

// The keys of a run that have a pulse, each with its tables times the pulse.
struct Pulsed {
  int run = 0, count = 0;
  bool last = false;  // run of its sub-tile
  float common = 0;   // charge that every column gets
  const float* volts[kTile];
  std::vector<Tables> tables;
};

inline void list_pulses(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const float* phi, const Terms& terms, Pulsed& list) {
  const Array& a = p.second_cells;
  int from, to;
  seen(p, run, block.position[0], from, to);
  list.count = 0;
  list.common = 0;
  for (int s = from; s < to; ++s) {
    if (phi[s] == 0) continue;  // no pulse, nothing is read: neither there nor here
    list.volts[list.count] = volts_of(a, b, kv_head, run.first + s);
    fetch(list.volts[list.count], a.depth());
    terms.at(block.position[0] - run.position - s, phi[s], list.tables[list.count]);
    list.common += a.constant * phi[s] + (phi[s] > 0 ? p.second.edge : 0.0f);
    ++list.count;
  }
}

// Adds a run's charge and loading on the columns of the V array.
inline void second_of_run(const Problem& p, const Pulsed& list, const Leveller& level, float* charge, float* load) {
  const Array& a = p.second_cells;
  float* sums[2] = {charge, load};
  const int depth = a.depth(), kinds = a.loaded ? 2 : 1;
  const int extra = a.has_extra ? 1 + static_cast<int>(std::nearbyint((a.extra - a.low) / (a.high - a.low) * (a.levels - 1))) : 0;
  for (int j = 0; j < kinds && a.has_extra; ++j)
    for (int i = 0; i < list.count; ++i) sums[j][depth] += list.tables[i].of[j][extra];
  const float column[2] = {charge[depth], load[depth]};  // whole vectors are written, over the extra column too
  if (a.loaded)
    gather<2>(a, level, list.volts, list.count, depth, list.tables.data(), sums);
  else
    gather<1>(a, level, list.volts, list.count, depth, list.tables.data(), sums);
  for (int j = 0; j < kinds && a.has_extra; ++j) sums[j][depth] = column[j];
  for (int c = 0; c < a.width; ++c) charge[c] += list.common;
}

// What one thread needs to decode.
struct Decoder {
  Buffer<float> pulse, raw, charge, load;
  Leveller first, second;
  Terms first_terms, second_terms;
  Pulsed lists[2];
  Queries block;
  std::vector<int> found;

  explicit Decoder(const Problem& p) : first(p.first_cells), second(p.second_cells), first_terms(p.first_cells), second_terms(p.second_cells) {
    const int wide = padded(p.first_cells.width), deep = padded(p.second_cells.width);
    pulse.resize(static_cast<size_t>(p.phases) * kTile * wide);
    raw.resize(wide);
    charge.resize(deep + 16);
    load.resize(deep + 16);
    for (Pulsed& list : lists) list.tables.resize(kTile);
    block.rows = block.filled = 1;
  }

  // A run's second product, and the read-out after the last of its sub-tile.
  void finish(const Problem& p, const std::vector<Run>& runs, const Pulsed& list, int kv_head, float* out) {
    second_of_run(p, list, second, charge.data(), load.data());
    if (!list.last) return;
    const int width = p.second_cells.width, deep = padded(width);
    second_row<false>(p, kv_head, runs[list.run].tile, deep, charge.data(), load.data(), nullptr, nullptr);
    for (int c = 0; c < width; ++c) out[c] += charge[c];
    std::fill(charge.begin(), charge.end(), 0.0f);
    std::fill(load.begin(), load.end(), 0.0f);
  }

  // out: (width). While the values of one run are on their way from memory, the next run's keys are worked on.
  void run_head(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs, int b, int kv_head, int h, float* out) {
    const int n = p.depth, wide = padded(p.first_cells.width);
    pulses(p, b, h, 0, block, pulse.data(), raw.data());
    const float* other = p.phases == 2 ? pulse.data() + static_cast<size_t>(kTile) * wide : pulse.data() + n;
    const FirstSums sums(p, p.phases == 2 ? other : pulse.data(), p.phases == 2 ? pulse.data() : other);
    std::fill(out, out + p.second_cells.width, 0.0f);
    std::fill(charge.begin(), charge.end(), 0.0f);
    std::fill(load.begin(), load.end(), 0.0f);
    int turn = 0;
    bool waiting = false;
    for (const auto& members : tiles) {
      visible(p, runs, members, block, found);
      if (!operated(p, runs, found, block.position[0])) continue;
      for (size_t i = 0; i < found.size(); ++i) {
        alignas(64) float phi[kTile];
        Pulsed& list = lists[turn];
        list.run = found[i];
        list.last = i + 1 == found.size();
        first_of_run(p, b, kv_head, runs[found[i]], block, sums, first_terms, first, phi);
        list_pulses(p, b, kv_head, runs[found[i]], block, phi, second_terms, list);
        turn ^= 1;
        if (waiting) finish(p, runs, lists[turn], kv_head, out);
        waiting = true;
      }
    }
    if (waiting) finish(p, runs, lists[turn ^ 1], kv_head, out);
  }
};

// out: (B, H, 1, width); the heads that share one pair of arrays.
inline void decode_heads(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs, int b, int kv_head, Decoder& decoder, float* out) {
  decoder.block.position[0] = p.query_position[b * p.position_stride];
  for (int h = kv_head * p.group(); h < (kv_head + 1) * p.group(); ++h)
    decoder.run_head(p, tiles, runs, b, kv_head, h, out + (static_cast<size_t>(b) * p.heads + h) * p.second_cells.width);
}

inline void decode(const Problem& p, const std::vector<Run>& runs, int64_t begin, int64_t end, float* out) {
  Decoder decoder(p);
  for (int64_t i = begin; i < end; ++i) {
    const int b = static_cast<int>(i / p.kv_heads), kv_head = static_cast<int>(i % p.kv_heads);
    const int64_t position = p.query_position[b * p.position_stride];
    decode_heads(p, sub_tiles(runs, oldest_seen(p, position), position), runs, b, kv_head, decoder, out);
  }
}

}  // namespace gaincell
