// One query per head against its cache: every stored element is read once, without packing anything.
#pragma once

#include "decode_tables.h"
#include "kernels.h"

namespace gaincell {

// Others are for the general path: more levels, terms as they are, a chip's columns.
inline bool few_levels(const Problem& p) {
  return p.queries == 1 && p.first_cells.levels && p.second_cells.levels && p.query_steps &&
         std::max(p.first_cells.levels, p.second_cells.levels) < kEntries && p.first_cells.terms <= kMostTerms &&
         !p.second.deviation;
}

// Number of ages that occur.
inline int64_t ages_seen(const Problem& p) {
  int64_t most = 0;
  for (int b = 0; b < p.batch; ++b)
    most = std::max(most, p.query_position[b * p.position_stride] - p.key_start + 1);
  return std::min<int64_t>(p.window ? std::min<int64_t>(most, p.window) : most, p.first_cells.ages);
}

// Charges (and loadings) of the keys of a run -> phi. Pulses: plus and minus.
template <class Stored>
inline void first_of_run(const Problem& p, int b, int kv_head, const Run& run, const Queries& block,
                         const float* const* weights, const Responses<Stored::kEntries>& responses,
                         const Stored& stored, Rows<typename Stored::Element>& whole, float* phi) {
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
  const auto weigh = [&](auto loaded, auto both) {
    weigh_run<loaded.value, both.value>(a, responses, age, stored, whole, rows, from, to, weights, sums);
  };
  if (a.loaded)
    sides ? weigh(std::true_type(), std::true_type()) : weigh(std::true_type(), std::false_type());
  else
    sides ? weigh(std::false_type(), std::true_type()) : weigh(std::false_type(), std::false_type());
  const float* minus_charge = sums[kinds];
  const float* minus_load = sums[2 * kinds - 1];
  for (int s = 0; s < kTile; ++s)
    charge[two][s] = per_step * (sums[0][s] + (sides && !two ? minus_charge[s] : 0.0f)) + block.bias[two][0];
  for (int s = 0; s < kTile && a.loaded; ++s)
    load[two][s] = per_step * (sums[1][s] + (sides && !two ? minus_load[s] : 0.0f));
  for (int s = 0; s < kTile && two; ++s) {  // the negative pulses come first
    charge[0][s] = per_step * minus_charge[s] + block.bias[0][0];
    load[0][s] = per_step * minus_load[s];
  }
  float *charges[] = {charge[0], charge[1]}, *loads[] = {load[0], load[1]};
  first_row<false>(p, kv_head, run, kTile, charges, loads, phi, nullptr, nullptr);
  std::fill_n(phi, from, 0.0f);
  std::fill(phi + to, phi + kTile, 0.0f);
}

template <class Stored>
inline void list_pulses(const Problem& p, int b, int kv_head, const Run& run, const Queries& block, const float* phi,
                        const Responses<Stored::kEntries>& responses, Pulsed<Stored>& list) {
  const Array& a = p.second_cells;
  int from, to;
  seen(p, run, block.position[0], from, to);
  list.rows = row_of<Stored>(a, b, kv_head, run.first);
  list.responses = responses.at(block.position[0] - run.position);
  // Keys without a pulse are not read. Without a branch, which would be unpredictable.
  int count = 0;
  for (int s = from; s < to; ++s) {
    list.key[count] = s;
    list.pulse[count] = phi[s];
    count += std::bit_cast<int32_t>(phi[s]) != 0;
  }
  for (int i = 0; i < count; ++i) fetch<2>(list.rows + list.key[i] * a.key_stride, a.depth());
  list.count = count;
  list.common = a.constant * sum_of(phi, kTile) + (p.second.edge != 0 ? p.second.edge * positive_of(phi, kTile) : 0.0f);
}

// What one thread needs to decode. Columns of the V array lie at the places of their elements, a last one after them.
template <class Stored>
struct Decoder {
  using Shared = Responses<Stored::kEntries>;
  const Problem& p;
  const std::vector<Run>& runs;
  const Shared &first_responses, &second_responses;
  Stored first, second;
  Rows<typename Stored::Element> first_rows, second_rows_;
  int last, deep;  // place of the last column, and number of all places
  Buffer<float> pulse, raw, weight, charge, load, total;
  Pulsed<Stored> lists[2];
  Queries block;

  Decoder(const Problem& problem, const std::vector<Run>& all, const Shared& keys, const Shared& values)
      : p(problem),
        runs(all),
        first_responses(keys),
        second_responses(values),
        first(p.first_cells),
        second(p.second_cells),
        first_rows(p.first_cells.depth(), first.rest),
        second_rows_(p.second_cells.depth(), second.rest),
        last(second_rows_.groups(p.second_cells.depth())),
        deep(padded(last + p.second_cells.has_extra)) {
    const int wide = padded(p.first_cells.width);
    pulse.resize(static_cast<size_t>(p.phases) * kTile * wide);
    raw.resize(wide);
    weight.resize(2 * first_rows.groups(p.depth));
    for (Buffer<float>* row : {&charge, &load, &total}) row->assign(deep, 0.0f);
    block.rows = block.filled = 1;
  }

  // A run's second product, and the read-out after the last of its sub-tile.
  void finish(const Pulsed<Stored>& list, int kv_head) {
    const Array& a = p.second_cells;
    float* sums[kResponses] = {charge.data(), load.data()};
    const float* loading = second_responses.loading;
    for (int d = 0; d < deep; d += kLanes) store(sums[0] + d, gaincell::load(sums[0] + d) + broadcast(list.common));
    const int extra = a.has_extra ? level_of_extra(a) : 0;
    for (int i = 0; i < list.count && a.has_extra; ++i) {
      sums[0][last] += list.pulse[i] * list.response(i)[extra];
      sums[1][last] += list.pulse[i] * loading[extra];
    }
    if (a.loaded)
      gather<2>(a, second, second_rows_, list, loading, sums);
    else
      gather<1>(a, second, second_rows_, list, loading, sums);
    if (!list.last) return;
    second_rows<false>(p, kv_head, runs[list.run].tile, 1, deep, sums[0], sums[1], nullptr, nullptr);
    add_row(sums[0], deep, total.data());
    for (float* row : sums) std::fill_n(row, deep, 0.0f);
  }

  // The pulses of each side at the places of their elements.
  void place_weights(const float* plus, const float* minus) {
    const int groups = first_rows.groups(p.depth);
    std::fill(weight.begin(), weight.end(), 0.0f);
    for (int d = 0; d < p.depth; ++d) weight[Stored::place(d)] = plus[d];
    for (int d = 0; d < p.depth && minus; ++d) weight[groups + Stored::place(d)] = minus[d];
  }

  // out: (width). While the values of one run are on their way from memory, the next run's keys are worked on.
  void run_head(const std::vector<std::vector<int>>& tiles, int b, int kv_head, int h, float* out) {
    const int n = p.depth, wide = padded(p.first_cells.width);
    block.head = h;
    pulses(p, b, block, pulse.data(), raw.data());
    const bool two = p.phases == 2, sides = two || p.first_cells.mirrored;
    const float* other = two ? pulse.data() + static_cast<size_t>(kTile) * wide : sides ? pulse.data() + n : nullptr;
    place_weights(two ? other : pulse.data(), two ? pulse.data() : other);
    const float* weights[2] = {weight.data(), weight.data() + first_rows.groups(n)};
    std::fill(total.begin(), total.end(), 0.0f);
    int turn = 0;
    bool waiting = false;
    for (const auto& members : tiles) {
      for (const int member : members) {
        alignas(64) float phi[kTile];
        const Run& run = runs[member];
        Pulsed<Stored>& list = lists[turn];
        list.run = member;
        list.last = member == members.back();
        first_of_run(p, b, kv_head, run, block, weights, first_responses, first, first_rows, phi);
        list_pulses(p, b, kv_head, run, block, phi, second_responses, list);
        turn ^= 1;
        if (waiting) finish(lists[turn], kv_head);
        waiting = true;
      }
    }
    if (waiting) finish(lists[turn ^ 1], kv_head);
    const int depth = p.second_cells.depth();
    for (int d = 0; d < depth; ++d) out[d] = total[Stored::place(d)];
    if (p.second_cells.has_extra) out[depth] = total[last];
  }
};

// out: (B, H, 1, width).
template <class Stored>
inline void decode(const Problem& p, const Threads& threads, float* out) {
  const auto runs = runs_of(p);
  const int64_t ages = ages_seen(p);
  const Responses<Stored::kEntries> keys(p.first_cells, ages), values(p.second_cells, ages);
  const auto share = [&](int64_t begin, int64_t end) {
    Decoder<Stored> decoder(p, runs, keys, values);
    std::vector<std::vector<int>> tiles;
    int placed = -1;
    for (int64_t i = begin; i < end; ++i) {
      const int b = static_cast<int>(i / p.kv_heads), kv_head = static_cast<int>(i % p.kv_heads);
      const int64_t position = p.query_position[b * p.position_stride];
      if (b != placed) tiles = sub_tiles(runs, oldest_seen(p, position), position);
      placed = b;
      decoder.block.position[0] = position;
      for (int h = kv_head * p.group(); h < (kv_head + 1) * p.group(); ++h)
        decoder.run_head(tiles, b, kv_head, h, out + (static_cast<size_t>(b) * p.heads + h) * p.second_cells.width);
    }
  };
  threads.run(static_cast<int64_t>(p.batch) * p.kv_heads, share);
}

}  // namespace gaincell
