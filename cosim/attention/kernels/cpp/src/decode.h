// One query per head against its cache: every stored element is read once, without packing anything.
#pragma once

#include "decode_tables.h"

namespace gaincell {

// Cases that the general path takes: more levels, terms as they are.
inline bool few_levels(const Problem& p) {
  return p.queries == 1 && p.first_cells.levels && p.second_cells.levels && p.query_steps &&
         std::max(p.first_cells.levels, p.second_cells.levels) < kEntries && p.first_cells.terms <= kMostTerms;
}

// The numbers from 0 on.
struct Numbers {
  int of[kTile];
  constexpr Numbers() : of() {
    for (int i = 0; i < kTile; ++i) of[i] = i;
  }
};
constexpr Numbers kCount;

// Entries of a table that are in use.
template <class Stored>
constexpr int entries_of() {
  return Stored::kWide ? kEntries : kNarrowEntries;
}

// Charges (and loadings) of the keys of a run -> phi. Pulses: plus and minus.
template <class Stored>
inline void first_of_run(const Problem& p, int b, int kv_head, const Run& run, const Queries& block,
                         const float* const* weights, const Terms& terms, const Stored& stored,
                         Rows<typename Stored::Element>& whole, float* phi) {
  const Array& a = p.first_cells;
  const float per_step = 1.0f / p.query_steps;
  const bool two = p.phases == 2, sides = two || a.mirrored;
  const int kinds = a.loaded ? 2 : 1;
  alignas(64) float sums[4][kTile], charge[kPhases][kTile], load[kPhases][kTile];
  int from, to;
  seen(p, run, block.position[0], from, to);
  if (to - from < kTile) std::fill_n(sums[0], 4 * kTile, 0.0f);
  const auto* rows = row_of<Stored>(a, b, kv_head, run.first);
  const int64_t age = block.position[0] - run.position;
  Tables tables;
  terms.tabulate<entries_of<Stored>()>(age - from, to - from, kCount.of, nullptr, tables);
  const auto weigh = [&](auto loaded, auto both) {
    weigh_run<loaded.value, both.value>(a, tables, stored, whole, rows, from, to, weights, sums);
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
  float *charges[] = {charge[0], charge[1]}, *loads[] = {load[0], load[1]};
  first_row<false>(p, kv_head, run, kTile, charges, loads, phi, nullptr, nullptr);
  for (int s = 0; s < kTile; ++s) phi[s] = s < from || s >= to ? 0 : phi[s];
}

// The keys of a run that have a pulse, each with its tables times the pulse.
template <class Stored>
struct Pulsed {
  int run = 0, count = 0;
  bool last = false;  // run of its sub-tile
  float common = 0;   // charge that every column gets
  const typename Stored::Element* rows[kTile];
  Tables tables;
};

template <class Stored>
inline void list_pulses(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const float* phi,
                        const Terms& terms, Pulsed<Stored>& list) {
  const Array& a = p.second_cells;
  int from, to;
  seen(p, run, block.position[0], from, to);
  // Keys without a pulse are not read. Without a branch, which would be unpredictable.
  int pulsed[kTile], count = 0;
  float pulse[kTile];
  for (int s = from; s < to; ++s) {
    pulsed[count] = s;
    pulse[count] = phi[s];
    count += phi[s] != 0;
  }
  const auto* first = row_of<Stored>(a, b, kv_head, run.first);
  const int depth = a.depth();
  for (int i = 0; i < count; ++i) {
    list.rows[i] = first + pulsed[i] * a.key_stride;
    fetch(list.rows[i], depth);
  }
  terms.tabulate<entries_of<Stored>()>(block.position[0] - run.position, count, pulsed, pulse, list.tables);
  list.count = count;
  list.common = a.constant * sum_of(phi, kTile) + (p.second.edge != 0 ? p.second.edge * positive_of(phi, kTile) : 0.0f);
}

// Charge and loading on the columns of the V array: elements at their places, a last column, and what all get.
struct Sums {
  Buffer<float> of[kResponses];
  float extra[kResponses] = {}, common = 0;

  explicit Sums(int groups) {
    for (Buffer<float>& one : of) one.resize(groups);
    clear();
  }
  void clear() {
    for (Buffer<float>& one : of) std::fill(one.begin(), one.end(), 0.0f);
    extra[0] = extra[1] = common = 0;
  }
};

// Adds those of a run.
template <class Stored>
inline void second_of_run(const Problem& p, const Pulsed<Stored>& list, const Stored& stored,
                          Rows<typename Stored::Element>& whole, Sums& sums) {
  const Array& a = p.second_cells;
  float* of[kResponses] = {sums.of[0].data(), sums.of[1].data()};
  const int extra = a.has_extra ? level_of_extra(a) : 0;
  for (int j = 0; j < kResponses && a.has_extra; ++j)
    for (int i = 0; i < list.count && (j == 0 || a.loaded); ++i) sums.extra[j] += list.tables.of[j][i][extra];
  if (a.loaded)
    gather<2>(a, stored, whole, list.rows, list.count, list.tables, of);
  else
    gather<1>(a, stored, whole, list.rows, list.count, list.tables, of);
  sums.common += list.common;
}

// What one thread needs to decode.
template <class Stored>
struct Decoder {
  Buffer<float> pulse, raw, charge, load, weight;
  Stored first, second;
  Rows<typename Stored::Element> first_rows, second_rows_;
  Terms first_terms, second_terms;
  Sums sums;
  Pulsed<Stored> lists[2];
  Queries block;
  std::vector<int> found;

  explicit Decoder(const Problem& p)
      : first(p.first_cells),
        second(p.second_cells),
        first_rows(p.first_cells.depth(), first.rest),
        second_rows_(p.second_cells.depth(), second.rest),
        first_terms(p.first_cells),
        second_terms(p.second_cells),
        sums(second_rows_.groups(p.second_cells.depth())) {
    const int wide = padded(p.first_cells.width), deep = padded(p.second_cells.width);
    pulse.resize(static_cast<size_t>(p.phases) * kTile * wide);
    raw.resize(wide);
    charge.resize(deep);
    load.resize(deep);
    weight.resize(2 * first_rows.groups(p.depth));
    block.rows = block.filled = 1;
  }

  // A run's second product, and the read-out after the last of its sub-tile.
  void finish(const Problem& p, const std::vector<Run>& runs, const Pulsed<Stored>& list, int kv_head, float* out) {
    second_of_run(p, list, second, second_rows_, sums);
    if (!list.last) return;
    const int width = p.second_cells.width, depth = p.second_cells.depth(), deep = padded(width);
    for (int j = 0; j < kResponses; ++j) {
      float* to = (j ? load : charge).data();
      const float common = j ? 0.0f : sums.common;
      for (int d = 0; d < depth; ++d) to[d] = sums.of[j][Stored::place(d)] + common;
      std::fill(to + depth, to + deep, 0.0f);
      if (p.second_cells.has_extra) to[depth] = sums.extra[j] + common;
    }
    second_rows<false>(p, kv_head, runs[list.run].tile, 1, deep, charge.data(), load.data(), nullptr, nullptr);
    for (int c = 0; c < width; ++c) out[c] += charge[c];
    sums.clear();
  }

  // The pulses of each side at the places of their elements.
  void place_weights(const Problem& p, const float* plus, const float* minus) {
    const int groups = first_rows.groups(p.depth);
    std::fill(weight.begin(), weight.end(), 0.0f);
    for (int d = 0; d < p.depth; ++d) weight[Stored::place(d)] = plus[d];
    for (int d = 0; d < p.depth && minus; ++d) weight[groups + Stored::place(d)] = minus[d];
  }

  // out: (width). While the values of one run are on their way from memory, the next run's keys are worked on.
  void run_head(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs, int b,
                int kv_head, int h, float* out) {
    const int n = p.depth, wide = padded(p.first_cells.width);
    block.head = h;
    pulses(p, b, block, pulse.data(), raw.data());
    const bool two = p.phases == 2, sides = two || p.first_cells.mirrored;
    const float* other = two ? pulse.data() + static_cast<size_t>(kTile) * wide : sides ? pulse.data() + n : nullptr;
    place_weights(p, two ? other : pulse.data(), two ? pulse.data() : other);
    const float* weights[2] = {weight.data(), weight.data() + first_rows.groups(n)};
    std::fill(out, out + p.second_cells.width, 0.0f);
    sums.clear();
    int turn = 0;
    bool waiting = false;
    for (const auto& members : tiles) {
      visible(p, runs, members, block, found);
      if (!operated(p, runs, found, block.position[0])) continue;
      for (size_t i = 0; i < found.size(); ++i) {
        alignas(64) float phi[kTile];
        Pulsed<Stored>& list = lists[turn];
        list.run = found[i];
        list.last = i + 1 == found.size();
        first_of_run(p, b, kv_head, runs[found[i]], block, weights, first_terms, first, first_rows, phi);
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
template <class Stored>
inline void decode_heads(const Problem& p, const std::vector<std::vector<int>>& tiles, const std::vector<Run>& runs,
                         int b, int kv_head, Decoder<Stored>& decoder, float* out) {
  decoder.block.position[0] = p.query_position[b * p.position_stride];
  for (int h = kv_head * p.group(); h < (kv_head + 1) * p.group(); ++h)
    decoder.run_head(p, tiles, runs, b, kv_head, h,
                     out + (static_cast<size_t>(b) * p.heads + h) * p.second_cells.width);
}

template <class Stored>
inline void decode_with(const Problem& p, const std::vector<Run>& runs, int64_t begin, int64_t end, float* out) {
  Decoder<Stored> decoder(p);
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
  const bool wide = std::max(p.first_cells.levels, p.second_cells.levels) > kNarrowEntries;
  if (p.first_cells.bytes)
    wide ? decode_with<Bytes<true>>(p, runs, begin, end, out)
         : decode_with<Bytes<kNarrowEntries == kEntries>>(p, runs, begin, end, out);
  else
    wide ? decode_with<Volts<true>>(p, runs, begin, end, out)
         : decode_with<Volts<kNarrowEntries == kEntries>>(p, runs, begin, end, out);
}

}  // namespace gaincell
