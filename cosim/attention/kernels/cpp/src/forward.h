// Forward pass of a range of queries of the heads that share one pair of arrays, sub-tile after sub-tile: the terms
// of one stay in the cache while all queries pass.
#pragma once

#include "block.h"

namespace gaincell {

// The heads that share a pair of arrays.
struct Group {
  const Problem& p;
  const std::vector<Run>& runs;
  const Ages& ages;
  int b, kv_head;

  int head(int g) const { return kv_head * p.group() + g; }
  size_t row(const Queries& block) const {
    return (static_cast<size_t>(b) * p.heads + block.head) * p.queries + block.first;
  }
};

// The queries of one head: blocks of up to 64 with their pulses packed.
template <class E>
struct Head {
  std::vector<Queries> blocks;
  std::vector<char> operated;  // whether any sub-tile has given something
  Buffer<typename E::Element> left;
  size_t each = 0;
};

// A block of queries against one run of keys.
template <class E>
struct Visit {
  const Group& of;
  const Queries& block;
  const Run& run;
  const Factors& factors;
  size_t member;                    // of the run in its sub-tile
  const typename E::Element* left;  // pulses of each phase
  size_t each;

  bool on_diagonal() const { return diagonal(block, run); }
  int64_t age(int t) const { return block.position[t] - run.position; }
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

  explicit Scratch(const Problem& p) : engine(p.digits), heads(p.group()) {
    const size_t wide = padded(p.first_cells.width), deep = padded(p.second_cells.width), tile = kTile;
    pulse.resize(p.phases * tile * wide);
    raw.resize(wide);
    const int channels = std::max(p.first_cells.channels(), p.second_cells.channels());
    blocks.resize(static_cast<size_t>(channels) * kBlock * kBlock);
    charges.resize(p.phases * (p.first_cells.loaded ? 2 : 1) * tile * tile);
    for (Buffer<float>* square : {&phi, &scaled}) square->resize(tile * tile);
    for (Buffer<float>* row : {&charge, &load}) row->resize(tile * deep);
    left.resize(engine.left_size(kTile, kTile));
  }
};

// turned: pulses transposed as well, for the backward pass; null for none.
template <class E>
void place_head(const Group& of, int h, int first_query, int end_query, Scratch<E>& w, Head<E>& head,
                Buffer<typename E::Element>* turned = nullptr) {
  const Problem& p = of.p;
  const int wide = padded(p.first_cells.width), count = (end_query - first_query + kTile - 1) / kTile;
  head.each = w.engine.left_size(kTile, wide);
  head.blocks.resize(count);
  head.operated.assign(count, 0);
  head.left.resize(head.each * p.phases * count);
  if (turned) turned->resize(head.each * p.phases * count);
  for (int i = 0; i < count; ++i) {
    Queries& block = head.blocks[i];
    block.head = h;
    block.first = first_query + i * kTile;
    block.rows = std::min(kTile, end_query - block.first);
    block.filled = padded(block.rows);
    for (int t = 0; t < block.rows; ++t)
      block.position[t] = p.query_position[of.b * p.position_stride + block.first + t];
    pulses(p, of.b, block, w.pulse.data(), w.raw.data());
    for (int phase = 0; phase < p.phases; ++phase) {
      const size_t at = (static_cast<size_t>(i) * p.phases + phase) * head.each;
      const float* from = w.pulse.data() + static_cast<size_t>(phase) * kTile * wide;
      w.engine.pack_left(head.left.data() + at, from, wide, block.filled, wide, nullptr, p.query_steps > 0);
      if (turned) w.engine.pack_left_transposed(turned->data() + at, from, wide, wide, block.filled, p.query_steps > 0);
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
inline void first_product(const Visit<E>& visit, Scratch<E>& w) {
  const Problem& p = visit.of.p;
  const Array& a = p.first_cells;
  const Queries& block = visit.block;
  const float per_step = p.query_steps ? 1.0f / p.query_steps : 1.0f;
  const size_t each = static_cast<size_t>(kTile) * kTile;
  const int terms = visit.factors.terms;
  const auto operands = w.keys.by_element(visit.factors, a, visit.member);
  Pair<typename E::Element> pairs[kMostChannels];
  for (int phase = 0; phase < p.phases; ++phase) {
    for (int c = 0; c < terms + a.loaded; ++c) pairs[c] = {visit.left + phase * visit.each, operands[c], a.parts[c]};
    float* charge = w.charges.data() + phase * (1 + a.loaded) * each;
    const auto finish = [&](const Blocks& found) {
      for (int t = found.row; t < std::min(found.row + kBlock, block.rows); ++t) {
        float* to = charge + static_cast<size_t>(t) * kTile + found.column;
        sum_terms(visit.of.ages, visit.factors, t, visit.age(t), found, per_step, block.bias[phase][t], to);
        if (a.loaded) scale_row(per_step, found.at(terms, t), kBlock, to + each);
      }
    };
    multiply_each(w.engine, block.filled, kTile, padded(a.width), terms + a.loaded, pairs, p.query_steps > 0,
                  visit.on_diagonal() ? Causal::kResult : Causal::kNone, w.blocks.data(), finish);
  }
}

// Products of phi with the terms whose factors can wait until after it, one for each row: onto the charge or in its
// place.
template <class E, class Operands>
inline void add_by_query(const Visit<E>& visit, const Operands& operands, bool add, Scratch<E>& w) {
  const Array& a = visit.of.p.second_cells;
  const int deep = padded(a.width);
  Pair<typename E::Element> pairs[kMostChannels];
  const float* factor[kMostChannels];
  int count = 0;
  for (int c = 0; c < visit.factors.terms; ++c) {
    if (!visit.factors.by_query(visit.of.ages, c)) continue;
    factor[count] = visit.factors.of_query[c];
    pairs[count++] = {w.left.data(), operands[c], a.parts[c]};
  }
  const auto finish = [&](const Blocks& found) {
    for (int t = found.row; t < std::min(found.row + kBlock, visit.block.rows); ++t) {
      float* to = w.charge.data() + static_cast<size_t>(t) * deep + found.column;
      for (int i = 0; i < kBlock; i += kLanes) {
        vf sum = add ? load(to + i) : vf{};
        for (int c = 0; c < count; ++c) sum += broadcast(factor[c][t]) * load(found.at(c, t) + i);
        store(to + i, sum);
      }
    }
  };
  multiply_each(w.engine, visit.block.filled, deep, kTile, count, pairs, false,
                visit.on_diagonal() ? Causal::kLeft : Causal::kNone, w.blocks.data(), finish);
}

// Adds a run's share of the second product: charge and load (rows, padded width), and the pulses' edges. Leaves
// each channel's pulses in `right` as right operands.
template <class E>
inline void second_product(const Visit<E>& visit, const float* phi, Scratch<E>& w, bool add,
                           typename E::Element* right = nullptr) {
  const Problem& p = visit.of.p;
  const Array& a = p.second_cells;
  const Queries& block = visit.block;
  const int deep = padded(a.width), terms = visit.factors.terms;
  const Causal causal = visit.on_diagonal() ? Causal::kLeft : Causal::kNone;
  const auto operands = w.values.by_key(visit.factors, a, visit.member);
  bool plain = false;  // phi itself is packed
  bool begun = add;    // the charge holds something
  bool later = false;  // products whose factors can wait are left
  for (int c = 0; c < terms + a.loaded; ++c) {
    if (!right && visit.factors.by_query(visit.of.ages, c)) {
      later = true;
      continue;
    }
    const Aged x = aged(visit.of.ages, visit.factors, c, visit.run, block, phi, w.scaled.data());
    const typename E::Element* left = w.left.data();
    if (right)
      left = w.engine.pack_both(w.left.data(), right + c * w.engine.right_size(kTile, kTile), x.x, kTile, block.filled,
                                kTile, x.scale);
    else if (x.scale || x.x != phi || !plain)
      w.engine.pack_left(w.left.data(), x.x, kTile, block.filled, kTile, x.scale);
    plain = x.x == phi && !x.scale;
    const bool is_load = c == terms;
    w.engine.multiply(block.filled, deep, kTile, left, operands[c], is_load ? w.load.data() : w.charge.data(),
                      deep, is_load ? add : begun, a.parts[c], false, causal);
    begun = begun || !is_load;
  }
  if (later && !plain) w.engine.pack_left(w.left.data(), phi, kTile, block.filled, kTile);
  if (later) add_by_query(visit, operands, begun, w);
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
void read_out(const Group& of, const Queries& block, bool first, Scratch<E>& w, float* out) {
  const Problem& p = of.p;
  const int width = p.second_cells.width, deep = padded(width), tile = of.runs[w.seen[0]].tile;
  float* row = w.charge.data();
  for (int t = 0; t < block.rows && p.flags; ++t)
    note_inside(row + static_cast<size_t>(t) * deep, deep, p.second.low, p.flags_of(of.row(block) + t, tile));
  second_rows<false>(p, of.kv_head, tile, block.rows, deep, row, w.load.data(), nullptr, nullptr);
  float* to = out + of.row(block) * width;
  for (int t = 0; t < block.rows; ++t, to += width, row += deep) {
    const bool counts = operated(p, of.runs, w.seen, block.position[t]);
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
void forward_heads(const Group& of, int first_query, int end_query, Scratch<E>& w, float* out) {
  const Problem& p = of.p;
  const int width = p.second_cells.width;
  w.engine.begin();
  for (int g = 0; g < p.group(); ++g) place_head(of, of.head(g), first_query, end_query, w, w.heads[g]);
  const int64_t* position = p.query_position + of.b * p.position_stride;
  for (const auto& members : sub_tiles(of.runs, oldest_seen(p, position[first_query]), position[end_query - 1])) {
    if (members.empty()) continue;
    w.keys.fill(w.engine, p.first_cells, of.runs, members, of.b, of.kv_head, p.first_cells.table, nullptr);
    w.values.fill(w.engine, p.second_cells, of.runs, members, of.b, of.kv_head, nullptr, p.second_cells.table);
    for (Head<E>& head : w.heads)
      for (size_t i = 0; i < head.blocks.size(); ++i) {
        const Queries& block = head.blocks[i];
        visible(p, of.runs, members, block, w.seen);
        if (w.seen.empty()) continue;
        const size_t shift = std::find(members.begin(), members.end(), w.seen[0]) - members.begin();
        for (size_t r = 0; r < w.seen.size(); ++r) {
          const Run& run = of.runs[w.seen[r]];
          const Factors factors(of.ages, run, block);
          const Visit<E> visit{of,       block, run, factors, shift + r, head.left.data() + i * p.phases * head.each,
                               head.each};
          first_product(visit, w);
          first_stage<false>(p, of.kv_head, run, block, w.charges.data(), w.phi.data(), {});
          second_product(visit, w.phi.data(), w, r > 0);
        }
        read_out(of, block, !head.operated[i], w, out);
        head.operated[i] = 1;
      }
  }
  for (const Head<E>& head : w.heads)
    for (size_t i = 0; i < head.blocks.size(); ++i)
      if (!head.operated[i]) std::fill_n(out + of.row(head.blocks[i]) * width, head.blocks[i].rows * width, 0.0f);
  w.engine.end();
}

}  // namespace gaincell
