// Forward pass of a range of queries of the heads that share one pair of arrays, sub-tile after sub-tile: the terms
// of one stay in the cache while all queries pass.
#pragma once

#include "block.h"

namespace gaincell {

// The queries of one head: blocks of up to 64 with their pulses packed.
template <class E>
struct Head {
  std::vector<Queries> blocks;
  std::vector<int> first;      // query of each block
  std::vector<char> operated;  // whether any sub-tile has given something
  Buffer<typename E::Element> left;
  size_t each = 0;

  const typename E::Element* pulses_of(size_t block, int phase, const Problem& p) const {
    return left.data() + (block * p.phases + phase) * each;
  }
};

// Buffers of one thread, in the sizes of one problem.
template <class E>
struct Scratch {
  E engine;
  Buffer<float> pulse, raw, blocks, charges, phi, scaled, charge, load;
  Buffer<typename E::Element> left;
  Packed<E> keys, values;
  std::vector<Head<E>> heads;
  std::vector<int> seen;
  RowFactors factors;

  explicit Scratch(const Problem& p) : engine(p.digits), heads(p.group()) {
    const size_t wide = padded(p.first_cells.width), deep = padded(p.second_cells.width), tile = kTile;
    pulse.resize(p.phases * tile * wide);
    raw.resize(wide);
    const int channels = std::max(p.first_cells.channels(), p.second_cells.channels());
    blocks.resize(engine.scratch_size(channels, kTile, std::max<int>(kTile, deep)));
    charges.resize(p.phases * (p.first_cells.loaded ? 2 : 1) * tile * tile);
    phi.resize(tile * tile);
    scaled.resize(tile * tile);
    charge.resize(tile * deep);
    load.resize(tile * deep);
    left.resize(engine.left_size(kTile, kTile));
  }
};

// turned: pulses transposed as well, for the backward pass; null for none.
template <class E>
void place_head(const Problem& p, int b, int h, int first_query, int end_query, Scratch<E>& w, Head<E>& head,
                Buffer<typename E::Element>* turned = nullptr) {
  const int wide = padded(p.first_cells.width), count = (end_query - first_query + kTile - 1) / kTile;
  head.each = w.engine.left_size(kTile, wide);
  head.blocks.resize(count);
  head.first.resize(count);
  head.operated.assign(count, 0);
  head.left.resize(head.each * p.phases * count);
  if (turned) turned->resize(w.engine.left_size(wide, kTile) * p.phases * count);
  for (int i = 0; i < count; ++i) {
    Queries& block = head.blocks[i];
    const int q0 = head.first[i] = first_query + i * kTile;
    block.rows = std::min(kTile, end_query - q0);
    block.filled = padded(block.rows);
    for (int t = 0; t < block.rows; ++t) block.position[t] = p.query_position[b * p.position_stride + q0 + t];
    pulses(p, b, h, q0, block, w.pulse.data(), w.raw.data());
    for (int phase = 0; phase < p.phases; ++phase) {
      const size_t at = static_cast<size_t>(i) * p.phases + phase;
      const float* from = w.pulse.data() + static_cast<size_t>(phase) * kTile * wide;
      w.engine.pack_left(head.left.data() + at * head.each, from, wide, block.filled, wide, nullptr, p.query_steps > 0);
      if (turned)
        w.engine.pack_left_transposed(turned->data() + at * w.engine.left_size(wide, kTile), from, wide, wide, block.filled,
                                p.query_steps > 0);
    }
  }
}

// Whether a query sees any key of the runs: otherwise their sub-tile is not operated.
inline bool operated(const Problem& p, const std::vector<Run>& runs, const std::vector<int>& group, int64_t position) {
  for (int r : group) {
    int from, to;
    seen(p, runs[r], position, from, to);
    if (from < to) return true;
  }
  return false;
}

// First product of a run -> charges (phases, charge and loading, kTile, kTile).
template <class E>
inline void first_product(const Problem& p, const Ages& ages, const RowFactors& factors, const Run& run,
                          const Queries& block, const Head<E>& head, size_t index, size_t member, Scratch<E>& w) {
  const Array& a = p.first_cells;
  const float per_step = p.query_steps ? 1.0f / p.query_steps : 1.0f;
  const size_t each = static_cast<size_t>(kTile) * kTile;
  Pair<typename E::Element> pairs[kMostChannels];
  for (int phase = 0; phase < p.phases; ++phase) {
    for (int c = 0; c < a.channels(); ++c)
      pairs[c] = {head.pulses_of(index, phase, p), w.keys.by_element(member, c), a.parts[c]};
    float* charge = w.charges.data() + phase * (1 + a.loaded) * each;
    const auto finish = [&](const Blocks& found) {
      for (int t = found.row; t < std::min(found.row + kBlock, block.rows); ++t) {
        float* to = charge + static_cast<size_t>(t) * kTile + found.column;
        sum_terms(ages, factors, a.terms, t, block.position[t] - run.position, found, per_step, block.bias[phase][t],
                  to);
        if (a.loaded) scale_row(per_step, found.at(a.terms, t), kBlock, to + each);
      }
    };
    w.engine.multiply_each(block.filled, kTile, padded(a.width), a.channels(), pairs, p.query_steps > 0,
                     diagonal(block, run) ? Causal::kResult : Causal::kNone, w.blocks.data(), finish);
  }
}

// Products of phi with the terms whose factors can wait until after it, one for each row: onto the charge or in its
// place.
template <class E>
inline void add_exponentials(const Problem& p, const Ages& ages, const RowFactors& factors, const Queries& block,
                             size_t member, Causal causal, bool add, Scratch<E>& w) {
  const Array& a = p.second_cells;
  const int deep = padded(a.width);
  Pair<typename E::Element> pairs[kMostChannels];
  const float* factor[kMostChannels];
  int count = 0;
  for (int c = 0; c < a.terms; ++c) {
    if (!ages.exponential(c)) continue;
    factor[count] = factors.of[c];
    pairs[count++] = {w.left.data(), w.values.by_key(member, c), a.parts[c]};
  }
  w.engine.multiply_each(block.filled, deep, kTile, count, pairs, false, causal, w.blocks.data(), [&](const Blocks& found) {
    for (int t = found.row; t < std::min(found.row + kBlock, block.rows); ++t) {
      float* to = w.charge.data() + static_cast<size_t>(t) * deep + found.column;
      for (int i = 0; i < kBlock; i += kLanes) {
        vf sum = add ? load(to + i) : vf{};
        for (int c = 0; c < count; ++c) sum += broadcast(factor[c][t]) * load(found.at(c, t) + i);
        store(to + i, sum);
      }
    }
  });
}

// Adds a run's share of the second product: charge and load (rows, padded width), and the pulses' edges. Leaves
// each channel's pulses in `right` as right operands.
template <class E>
inline void second_product(const Problem& p, const Ages& ages, const RowFactors& factors, const Run& run,
                           const Queries& block, const float* phi, size_t member, Scratch<E>& w, bool add,
                           typename E::Element* right = nullptr) {
  const Array& a = p.second_cells;
  const int deep = padded(a.width);
  const Causal causal = diagonal(block, run) ? Causal::kLeft : Causal::kNone;
  bool plain = false;  // phi itself is packed
  bool begun = add;    // the charge holds something
  bool later = false;  // exponentials are left
  for (int c = 0; c < a.channels(); ++c) {
    if (!right && ages.exponential(c)) {
      later = true;
      continue;
    }
    const Aged x = aged(ages, factors, c, run, block, phi, w.scaled.data());
    if (right)
      w.engine.pack_both(w.left.data(), right + c * w.engine.right_size(kTile, kTile), x.x, kTile, block.filled, kTile, x.scale);
    else if (x.scale || x.x != phi || !plain)
      w.engine.pack_left(w.left.data(), x.x, kTile, block.filled, kTile, x.scale);
    plain = x.x == phi && !x.scale;
    const bool is_load = c == a.terms;
    w.engine.multiply(block.filled, deep, kTile, w.left.data(), w.values.by_key(member, c),
                is_load ? w.load.data() : w.charge.data(), deep, is_load ? add : begun, a.parts[c], false, causal);
    begun = begun || !is_load;
  }
  if (later && !plain) w.engine.pack_left(w.left.data(), phi, kTile, block.filled, kTile);
  if (later) add_exponentials(p, ages, factors, block, member, causal, begun, w);
  if (p.second.edge == 0 && a.constant == 0) return;
  for (int t = 0; t < block.rows; ++t) {
    const float* row = phi + static_cast<size_t>(t) * kTile;
    float common = a.constant * sum_of(row, kTile);
    if (p.second.edge != 0) common += p.second.edge * positive_of(row, kTile);
    float* to = w.charge.data() + static_cast<size_t>(t) * deep;
    for (int c = 0; c < a.width; ++c) to[c] += common;
  }
}

// Counts a sub-tile's charges and adds them to the output, or begins it.
template <class E>
void read_out(const Problem& p, const std::vector<Run>& runs, int kv_head, int h, int b, int q0, const Queries& block,
              bool first, Scratch<E>& w, float* out) {
  const int width = p.second_cells.width, deep = padded(width), tile = runs[w.seen[0]].tile;
  float* row = w.charge.data();
  for (int t = 0; t < block.rows && p.flags; ++t)
    note_inside(row + static_cast<size_t>(t) * deep, deep, p.second.low, p.flags_of(b, h, q0 + t, tile));
  second_rows<false>(p, kv_head, tile, block.rows, deep, row, w.load.data(), nullptr, nullptr);
  float* to = out + ((static_cast<size_t>(b) * p.heads + h) * p.queries + q0) * width;
  for (int t = 0; t < block.rows; ++t, to += width, row += deep) {
    const bool counts = operated(p, runs, w.seen, block.position[t]);
    if (first) fetch_to_write(to + kAhead * width, width);
    if (first && counts)
      std::copy_n(row, width, to);
    else if (first)
      std::fill_n(to, width, 0.0f);
    else if (counts)
      for (int c = 0; c < width; ++c) to[c] += row[c];
  }
}

// out: (B, H, T, width) contiguous.
template <class E>
void forward_heads(const Problem& p, const std::vector<Run>& runs, const Ages& ages, int b, int kv_head,
                   int first_query, int end_query, Scratch<E>& w, float* out) {
  const int width = p.second_cells.width, group = p.group();
  w.engine.begin();
  for (int g = 0; g < group; ++g) place_head(p, b, kv_head * group + g, first_query, end_query, w, w.heads[g]);
  const int64_t* position = p.query_position + b * p.position_stride;
  for (const auto& members : sub_tiles(runs, oldest_seen(p, position[first_query]), position[end_query - 1])) {
    if (members.empty()) continue;
    w.keys.fill(w.engine, p.first_cells, runs, members, b, kv_head, p.first_cells.table, nullptr);
    w.values.fill(w.engine, p.second_cells, runs, members, b, kv_head, nullptr, p.second_cells.table);
    for (int g = 0; g < group; ++g)
      for (size_t i = 0; i < w.heads[g].blocks.size(); ++i) {
        const Queries& block = w.heads[g].blocks[i];
        visible(p, runs, members, block, w.seen);
        if (w.seen.empty()) continue;
        const size_t shift = std::find(members.begin(), members.end(), w.seen[0]) - members.begin();
        for (size_t r = 0; r < w.seen.size(); ++r) {
          const Run& run = runs[w.seen[r]];
          w.factors.read(ages, run, block);
          first_product(p, ages, w.factors, run, block, w.heads[g], i, shift + r, w);
          first_stage<false>(p, kv_head, run, block, w.charges.data(), w.phi.data(), {});
          second_product<E>(p, ages, w.factors, run, block, w.phi.data(), shift + r, w, r > 0);
        }
        read_out<E>(p, runs, kv_head, kv_head * group + g, b, w.heads[g].first[i], block, !w.heads[g].operated[i], w,
                    out);
        w.heads[g].operated[i] = 1;
      }
  }
  for (int g = 0; g < group; ++g)
    for (size_t i = 0; i < w.heads[g].blocks.size(); ++i) {
      if (w.heads[g].operated[i]) continue;
      float* to =
          out + ((static_cast<size_t>(b) * p.heads + kv_head * group + g) * p.queries + w.heads[g].first[i]) * width;
      std::fill(to, to + w.heads[g].blocks[i].rows * width, 0.0f);
    }
  w.engine.end();
}

}  // namespace gaincell
