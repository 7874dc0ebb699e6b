// One query per head against its cache: every stored element is read once, without packing anything.
#pragma once

#include "decode_tables.h"

namespace gaincell {

// Cases that the general path takes: more levels, terms as they are.
inline bool few_levels(const Problem& p) {
  return p.queries == 1 && p.first_cells.levels && p.second_cells.levels && p.query_steps &&
         std::max(p.first_cells.levels, p.second_cells.levels) < kEntries && p.first_cells.terms <= kMostTerms;
}

// Charges (and loadings) of the keys of a run -> phi. Pulses: plus and minus.
template <class Stored>
inline void first_of_run(const Problem& p, int b, int kv_head, const Run& run, const Queries& block,
                         const float* const* weights, const Terms& terms, const Stored& stored, float* phi) {
  const Array& a = p.first_cells;
  const float per_step = 1.0f / p.query_steps;
  const bool two = p.phases == 2, sides = two || a.mirrored;
  const int kinds = a.loaded ? 2 : 1;
  alignas(64) float sums[4][kTile] = {}, charge[kPhases][kTile], load[kPhases][kTile];
  int from, to;
  seen(p, run, block.position[0], from, to);
  const auto* rows = row_of<Stored>(a, b, kv_head, run.first);
  const int64_t age = block.position[0] - run.position;
  Tables tables[kTile];
  for (int s = from; s < to; ++s) terms.at(age - s, 1, tables[s]);
  const auto weigh = [&](auto loaded, auto both) {
    weigh_run<loaded.value, both.value>(a, tables, stored, rows, from, to, weights, sums);
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
  first_row<false>(p, kv_head, run, charges, loads, phi, nullptr, nullptr);
  for (int s = 0; s < kTile; ++s) phi[s] = s < from || s >= to ? 0 : phi[s];
}

// The keys of a run that have a pulse, each with its tables times the pulse.
template <class Stored>
struct Pulsed {
  int run = 0, count = 0;
  bool last = false;  // run of its sub-tile
  float common = 0;   // charge that every column gets
  const typename Stored::Element* rows[kTile];
  std::vector<Tables> tables;
};

template <class Stored>
inline void list_pulses(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const float* phi,
                        const Terms& terms, Pulsed<Stored>& list) {
  const Array& a = p.second_cells;
  int from, to;
  seen(p, run, block.position[0], from, to);
  // No pulse, nothing is read: neither there nor here. Without a branch, which would be a coin's.
  int pulsed[kTile], count = 0;
  for (int s = from; s < to; ++s) {
    pulsed[count] = s;
    count += phi[s] != 0;
  }
  const auto* first = row_of<Stored>(a, b, kv_head, run.first);
  const int64_t age = block.position[0] - run.position;
  const int depth = a.depth();
  for (int i = 0; i < count; ++i) {
    list.rows[i] = first + pulsed[i] * a.key_stride;
    fetch(list.rows[i], depth);
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
template <class Stored>
inline void second_of_run(const Problem& p, const Pulsed<Stored>& list, const Stored& stored, float* charge,
                          float* load) {
  const Array& a = p.second_cells;
  float* sums[2] = {charge, load};
  const int depth = a.depth(), kinds = a.loaded ? 2 : 1;
  const int extra = a.has_extra ? entry<Stored>(a, level_of_extra(a)) : 0;
  for (int j = 0; j < kinds && a.has_extra; ++j)
    for (int i = 0; i < list.count; ++i) sums[j][depth] += list.tables[i].of[j][extra];
  const float column[2] = {charge[depth], load[depth]};  // whole vectors are written, over the extra column too
  if (a.loaded)
    gather<2>(a, stored, list.rows, list.count, depth, list.tables.data(), sums);
  else
    gather<1>(a, stored, list.rows, list.count, depth, list.tables.data(), sums);
  for (int j = 0; j < kinds && a.has_extra; ++j) sums[j][depth] = column[j];
  for (int c = 0; c < a.width; ++c) charge[c] += list.common;
}

// What one thread needs to decode.
template <class Stored>
struct Decoder {
  Buffer<float> pulse, raw, charge, load;
  Stored first, second;
  Terms first_terms, second_terms;
  Pulsed<Stored> lists[2];
  Queries block;
  std::vector<int> found;

  explicit Decoder(const Problem& p)
      : first(p.first_cells),
        second(p.second_cells),
        first_terms(p.first_cells, first),
        second_terms(p.second_cells, second) {
    const int wide = padded(p.first_cells.width), deep = padded(p.second_cells.width);
    pulse.resize(static_cast<size_t>(p.phases) * kTile * wide);
    raw.resize(wide);
    charge.resize(deep + 16);
    load.resize(deep + 16);
    for (Pulsed<Stored>& list : lists) list.tables.resize(kTile);
    block.rows = block.filled = 1;
  }

  // A run's second product, and the read-out after the last of its sub-tile.
  void finish(const Problem& p, const std::vector<Run>& runs, const Pulsed<Stored>& list, int kv_head, float* out) {
    second_of_run(p, list, second, charge.data(), load.data());
    if (!list.last) return;
    const int width = p.second_cells.width, deep = padded(width);
    second_rows<false>(p, kv_head, runs[list.run].tile, 1, deep, charge.data(), load.data(), nullptr, nullptr);
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
        Pulsed<Stored>& list = lists[turn];
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
  if (p.first_cells.bytes)
    decode_with<Bytes>(p, runs, begin, end, out);
  else if (p.first_cells.low == 0)
    decode_with<Volts<true>>(p, runs, begin, end, out);
  else
    decode_with<Volts<false>>(p, runs, begin, end, out);
}

}  // namespace gaincell
