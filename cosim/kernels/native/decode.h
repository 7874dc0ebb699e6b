// One query per head against its cache: every stored element is read once, its level found and looked up in a table
// of its key's age, without packing anything.
#pragma once

#include <type_traits>

#include "forward.h"

namespace gaincell {

constexpr int kEntries = 16;  // of a table: one for what is not a number, then the levels
constexpr int kTables = 2, kMostTerms = 4;

// Cases that the general path takes: more levels, terms as they are.
inline bool decodes(const Problem& p) {
  return p.queries == 1 && p.first_cells.levels && p.second_cells.levels && p.query_steps &&
         std::max(p.first_cells.levels, p.second_cells.levels) < kEntries && p.first_cells.terms <= kMostTerms;
}

// Asks for a row before it is needed.
inline void fetch(const float* row, int depth) {
  for (int d = 0; d < depth; d += 16) __builtin_prefetch(row + d);
}

// Responses by level at one age.
struct Tables {
  alignas(64) float of[kTables][kEntries];
};

// Terms by level, every row as long as a vector.
struct Terms {
  int terms, ages;
  bool loaded;
  const float* factors;
  Buffer<float> rows;

  explicit Terms(const Array& a)
      : terms(a.terms),
        ages(a.ages),
        loaded(a.loaded),
        factors(a.factors),
        rows(static_cast<size_t>(a.channels()) * kEntries) {
    const int entries = a.levels + 1;
    for (int c = 0; c < a.channels(); ++c)
      for (int e = 0; e < kEntries; ++e)
        rows[c * kEntries + e] = e < entries ? a.table[c * entries + (e ? e - 1 : a.levels)] : 0.0f;
  }
#if defined(__AVX512F__)
  __m512 row(int c) const { return _mm512_load_ps(rows.data() + c * kEntries); }
#endif
  // Responses of a key `age` tokens old times a weight: [0] charge, [1] loading.
  void at(int64_t age, float weight, Tables& tables) const {
    const float* factor = factors + age;
#if defined(__AVX512F__)
    __m512 sum = _mm512_mul_ps(row(0), _mm512_set1_ps(*factor));
    for (int c = 1; c < terms; ++c) sum = _mm512_fmadd_ps(row(c), _mm512_set1_ps(factor[c * ages]), sum);
    _mm512_store_ps(tables.of[0], _mm512_mul_ps(sum, _mm512_set1_ps(weight)));
    if (loaded) _mm512_store_ps(tables.of[1], _mm512_mul_ps(row(terms), _mm512_set1_ps(weight)));
#else
    for (int e = 0; e < kEntries; ++e) tables.of[0][e] = 0;
    for (int c = 0; c < terms; ++c)
      for (int e = 0; e < kEntries; ++e) tables.of[0][e] += weight * factor[c * ages] * rows[c * kEntries + e];
    for (int e = 0; e < kEntries && loaded; ++e) tables.of[1][e] = weight * rows[terms * kEntries + e];
#endif
  }
};

#if defined(__AVX512F__)
// Entries of a table for sixteen elements, in the low bits of each lane. Those of what is not a number are zero.
template <bool FromZero>  // the lowest level is 0 V
struct Leveller {
  __m512 low, high, per_volt, magic;
  explicit Leveller(const Array& a)
      : low(_mm512_set1_ps(a.low)),
        high(_mm512_set1_ps(a.high)),
        per_volt(_mm512_set1_ps(a.per_volt)),
        magic(_mm512_set1_ps(kMagic + 1)) {}
  __m512i operator()(__m512 x) const {
    x = _mm512_min_ps(high, _mm512_max_ps(low, x));
    if (!FromZero) x = _mm512_sub_ps(x, low);
    return _mm512_castps_si512(_mm512_fmadd_ps(x, per_volt, magic));
  }
};

// Blocks of sixteen elements, the last one perhaps not whole.
inline __mmask16 lanes(int depth, int d) {
  return depth - d < 16 ? static_cast<__mmask16>((1u << (depth - d)) - 1) : static_cast<__mmask16>(0xffff);
}

// Sums of sixteen rows of sixteen numbers.
inline __m512 sums_of_rows(const float* rows) {
  __m512 r[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_load_ps(rows + 16 * i);
  for (int i = 0; i < 8; ++i)
    r[i] = _mm512_add_ps(_mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]), _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]));
  for (int i = 0; i < 4; ++i) {
    const __m512d a = _mm512_castps_pd(r[2 * i]), b = _mm512_castps_pd(r[2 * i + 1]);
    r[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  for (int i = 0; i < 2; ++i)
    r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[2 * i], r[2 * i + 1], 0x88),
                         _mm512_shuffle_f32x4(r[2 * i], r[2 * i + 1], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(r[0], r[1], 0x88), _mm512_shuffle_f32x4(r[0], r[1], 0xdd));
}

// First product of a run's keys from .. to - 1 with each side of the pulses (plus; minus, against complements where
// rows are mirrored): sums[side * kinds + kind][key], kinds being charge and loading.
template <int NT, bool Loaded, bool Sides, int Depth, class L>
inline void weigh_run(const Array& a, const Terms& terms, const L& level, const float* volts, int from, int to,
                      int64_t age, const float* const* weights, float (*sums)[kTile]) {
  constexpr int kinds = Loaded ? 2 : 1, outputs = kinds * (Sides ? 2 : 1);
  alignas(64) float partial[outputs][kTile][16];
  const int depth = Depth ? Depth : a.depth();
  const bool mirrored = a.mirrored;
  const int64_t stride = a.key_stride;
  const float* factors[NT];
  for (int c = 0; c < NT; ++c) factors[c] = a.factors + c * a.ages + age;
  const __m512i mirror = _mm512_set1_epi32(a.levels + 1);
  __m512 row[NT], loading = _mm512_setzero_ps();
  for (int c = 0; c < NT; ++c) row[c] = terms.row(c);
  if (Loaded) loading = terms.row(NT);
  for (int s = from; s < to; ++s) {
    const float* own = volts + s * stride;
    fetch(own + kTile * stride, depth);
    __m512 table[kinds], sum[outputs];
    table[0] = _mm512_mul_ps(row[0], _mm512_set1_ps(factors[0][-s]));
    for (int c = 1; c < NT; ++c) table[0] = _mm512_fmadd_ps(row[c], _mm512_set1_ps(factors[c][-s]), table[0]);
    if (Loaded) table[kinds - 1] = loading;
    for (int o = 0; o < outputs; ++o) sum[o] = _mm512_setzero_ps();
    const auto block = [&](__mmask16 in, int d) {
      const __m512i l = level(_mm512_maskz_loadu_ps(in, own + d));
      const __m512 plus = _mm512_maskz_loadu_ps(in, weights[0] + d);
      for (int kind = 0; kind < kinds; ++kind)
        sum[kind] = _mm512_fmadd_ps(plus, _mm512_permutexvar_ps(l, table[kind]), sum[kind]);
      if (!Sides) return;
      // Entry 0, of what is not a number, has no complement; the other side's sum has it already.
      const __m512i other = mirrored ? _mm512_sub_epi32(mirror, l) : l;
      const __m512 minus = _mm512_maskz_loadu_ps(in, weights[1] + d);
      for (int kind = 0; kind < kinds; ++kind)
        sum[outputs - kinds + kind] =
            _mm512_fmadd_ps(minus, _mm512_permutexvar_ps(other, table[kind]), sum[outputs - kinds + kind]);
    };
    int d = 0;
    for (; d + 16 <= depth; d += 16) block(static_cast<__mmask16>(0xffff), d);
    if (d < depth) block(lanes(depth, d), d);
    for (int o = 0; o < outputs; ++o) _mm512_store_ps(partial[o][s], sum[o]);
  }
  for (int o = 0; o < outputs; ++o)
    for (int s = from / 16 * 16; s < to; s += 16) _mm512_store_ps(sums[o] + s, sums_of_rows(partial[o][s]));
}

// sums[j][d] += sum_i tables_i[j][level of volts_i[d]] for the keys that have a pulse; tables come weighted.
template <int J, int N, class L>
inline void gather_blocks(const L& level, const float* const* volts, int keys, int depth, int first,
                          const Tables* tables, float* const* sums) {
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

template <int J, class L>
inline void gather(const Array&, const L& level, const float* const* volts, int keys, int depth, const Tables* tables,
                   float* const* sums) {
  int d = 0;
  for (; d + 64 <= depth; d += 64) gather_blocks<J, 4>(level, volts, keys, depth, d, tables, sums);
  for (; d + 32 <= depth; d += 32) gather_blocks<J, 2>(level, volts, keys, depth, d, tables, sums);
  for (; d < depth; d += 16) gather_blocks<J, 1>(level, volts, keys, depth, d, tables, sums);
}
#else
template <bool FromZero>
struct Leveller {
  explicit Leveller(const Array&) {}
};

template <int NT, bool Loaded, bool Sides, int Depth, class L>
inline void weigh_run(const Array& a, const Terms& terms, const L&, const float* volts, int from, int to, int64_t age,
                      const float* const* weights, float (*sums)[kTile]) {
  constexpr int kinds = Loaded ? 2 : 1;
  const int depth = a.depth();
  std::vector<int> level(a.width);
  Tables tables;
  for (int s = from; s < to; ++s) {
    levels_of(a, volts + s * a.key_stride, level.data());
    terms.at(age - s, 1, tables);
    for (int o = 0; o < kinds * (Sides ? 2 : 1); ++o) {
      const int side = o / kinds;
      const int* own = level.data() + (side && a.mirrored ? depth : 0);
      float sum = 0;
      for (int d = 0; d < depth; ++d) sum += weights[side][d] * tables.of[o % kinds][(own[d] + 1) % (a.levels + 1)];
      sums[o][s] = sum;
    }
  }
}

template <int J, class L>
inline void gather(const Array& a, const L&, const float* const* volts, int keys, int depth, const Tables* tables,
                   float* const* sums) {
  int level[2 * kTile * 2 + 2];
  for (int s = 0; s < keys; ++s) {
    levels_of(a, volts[s], level);
    for (int j = 0; j < J; ++j)
      for (int d = 0; d < depth; ++d) sums[j][d] += tables[s].of[j][(level[d] + 1) % (a.levels + 1)];
  }
}
#endif

template <int NT, bool Loaded, bool Sides, class... Arguments>
inline void weigh_depth(const Array& a, Arguments... arguments) {
  a.depth() == 64 ? weigh_run<NT, Loaded, Sides, 64>(a, arguments...)
                  : weigh_run<NT, Loaded, Sides, 0>(a, arguments...);
}

template <bool Loaded, bool Sides, class... Arguments>
inline void weigh_terms(const Array& a, const Terms& terms, Arguments... arguments) {
  switch (terms.terms) {
    case 1:
      return weigh_depth<1, Loaded, Sides>(a, terms, arguments...);
    case 2:
      return weigh_depth<2, Loaded, Sides>(a, terms, arguments...);
    case 3:
      return weigh_depth<3, Loaded, Sides>(a, terms, arguments...);
    default:
      return weigh_depth<4, Loaded, Sides>(a, terms, arguments...);
  }
}

// Charges (and loadings) of the keys of a run -> phi. Pulses: plus and minus.
template <class L>
inline void first_of_run(const Problem& p, int b, int kv_head, const Run& run, const Queries& block,
                         const float* const* weights, const Terms& terms, const L& level, float* phi) {
  const Array& a = p.first_cells;
  const float per_step = 1.0f / p.query_steps;
  const bool two = p.phases == 2, sides = two || a.mirrored;
  const int kinds = a.loaded ? 2 : 1;
  alignas(64) float sums[4][kTile] = {}, charge[kPhases][kTile], load[kPhases][kTile];
  int from, to;
  seen(p, run, block.position[0], from, to);
  const float* volts = volts_of(a, b, kv_head, run.first);
  const int64_t age = block.position[0] - run.position;
  const auto weigh = [&](auto loaded, auto both) {
    weigh_terms<loaded.value, both.value>(a, terms, level, volts, from, to, age, weights, sums);
  };
  if (a.loaded)
    sides ? weigh(std::true_type(), std::true_type()) : weigh(std::true_type(), std::false_type());
  else
    sides ? weigh(std::false_type(), std::true_type()) : weigh(std::false_type(), std::false_type());
  const float* minus_charge = sums[kinds];
  const float* minus_load = sums[2 * kinds - 1];
  for (int s = 0; s < kTile; ++s) {
    const float other = sides && !two ? minus_charge[s] : 0.0f, other_load = sides && !two ? minus_load[s] : 0.0f;
    charge[two][s] = per_step * (sums[0][s] + other) + block.bias[two][0];
    load[two][s] = per_step * (sums[kinds - 1][s] + other_load);
  }
  for (int s = 0; s < kTile && two; ++s) {  // the negative pulses come first
    charge[0][s] = per_step * minus_charge[s] + block.bias[0][0];
    load[0][s] = per_step * minus_load[s];
  }
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

inline void list_pulses(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const float* phi,
                        const Terms& terms, Pulsed& list) {
  const Array& a = p.second_cells;
  int from, to;
  seen(p, run, block.position[0], from, to);
  // No pulse, nothing is read: neither there nor here. Without a branch, which would be a coin's.
  int pulsed[kTile], count = 0;
  for (int s = from; s < to; ++s) {
    pulsed[count] = s;
    count += phi[s] != 0;
  }
  const float* first = volts_of(a, b, kv_head, run.first);
  const int64_t age = block.position[0] - run.position;
  const int depth = a.depth();
  for (int i = 0; i < count; ++i) {
    list.volts[i] = first + pulsed[i] * a.key_stride;
    fetch(list.volts[i], depth);
  }
  float sum = 0, number = 0;
  for (int i = 0; i < count; ++i) {
    const float pulse = phi[pulsed[i]];
    terms.at(age - pulsed[i], pulse, list.tables[i]);
    sum += pulse;
    number += pulse > 0 ? 1.0f : 0.0f;
  }
  list.count = count;
  list.common = a.constant * sum + p.second.edge * number;
}

// Adds a run's charge and loading on the columns of the V array.
template <class L>
inline void second_of_run(const Problem& p, const Pulsed& list, const L& level, float* charge, float* load) {
  const Array& a = p.second_cells;
  float* sums[2] = {charge, load};
  const int depth = a.depth(), kinds = a.loaded ? 2 : 1;
  const int extra =
      a.has_extra ? 1 + static_cast<int>(std::nearbyint((a.extra - a.low) / (a.high - a.low) * (a.levels - 1))) : 0;
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
template <class L>
struct Decoder {
  Buffer<float> pulse, raw, charge, load;
  L first, second;
  Terms first_terms, second_terms;
  Pulsed lists[2];
  Queries block;
  std::vector<int> found;

  explicit Decoder(const Problem& p)
      : first(p.first_cells), second(p.second_cells), first_terms(p.first_cells), second_terms(p.second_cells) {
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
  void run_head(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs, int b,
                int kv_head, int h, float* out) {
    const int n = p.depth, wide = padded(p.first_cells.width);
    pulses(p, b, h, 0, block, pulse.data(), raw.data());
    const float* other = p.phases == 2 ? pulse.data() + static_cast<size_t>(kTile) * wide : pulse.data() + n;
    const float* weights[2] = {p.phases == 2 ? other : pulse.data(), p.phases == 2 ? pulse.data() : other};
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
        first_of_run(p, b, kv_head, runs[found[i]], block, weights, first_terms, first, phi);
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
template <class L>
inline void decode_heads(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs,
                         int b, int kv_head, Decoder<L>& decoder, float* out) {
  decoder.block.position[0] = p.query_position[b * p.position_stride];
  for (int h = kv_head * p.group(); h < (kv_head + 1) * p.group(); ++h)
    decoder.run_head(p, tiles, runs, b, kv_head, h,
                     out + (static_cast<size_t>(b) * p.heads + h) * p.second_cells.width);
}

template <class L>
inline void decode_with(const Problem& p, const std::vector<Run>& runs, int64_t begin, int64_t end, float* out) {
  Decoder<L> decoder(p);
  std::vector<std::vector<int>> tiles;
  int placed = -1;
  for (int64_t i = begin; i < end; ++i) {
    const int b = static_cast<int>(i / p.kv_heads), kv_head = static_cast<int>(i % p.kv_heads);
    const int64_t position = p.query_position[b * p.position_stride];
    if (b != placed) tiles = sub_tiles(runs, oldest_seen(p, position), position);
    placed = b;
    decode_heads(p, tiles, runs, b, kv_head, decoder, out);
  }
}

inline void decode(const Problem& p, const std::vector<Run>& runs, int64_t begin, int64_t end, float* out) {
  p.first_cells.low == 0 ? decode_with<Leveller<true>>(p, runs, begin, end, out)
                         : decode_with<Leveller<false>>(p, runs, begin, end, out);
}

}  // namespace gaincell
