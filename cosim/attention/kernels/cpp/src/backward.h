// Backward pass of all queries of the heads that share one pair of arrays, sub-tile after sub-tile. Everything
// between the inputs and the gradient of the output is computed again.
#pragma once

#include "forward.h"
#include "kernels.h"
#include "query_gradient.h"

namespace gaincell {

// What one run of a sub-tile keeps from the forward pass: pulses, and their slopes by charge and loading.
template <class E>
struct Kept {
  Buffer<float> phi, charge[kPhases], load[kPhases];
  Buffer<typename E::Element> right;  // phi of every channel as right operands
  RowFactors factors;
  Kept(const Problem& p, const E& engine)
      : phi(kTile * kTile), right(engine.right_size(kTile, kTile) * p.second_cells.channels()) {
    for (int phase = 0; phase < p.phases; ++phase) {
      charge[phase].resize(kTile * kTile);
      if (p.first_cells.loaded) load[phase].resize(kTile * kTile);
    }
  }
};

template <class E>
struct BackwardScratch : Scratch<E> {
  using Operand = Buffer<typename E::Element>;
  Buffer<float> key_grad, value_grad, by_charge, by_load;
  Operand charge_left, charge_turned, load_left, load_turned, right;
  std::vector<Operand> pulse_turned;      // of each head: its pulses, transposed, as left operands
  std::vector<Buffer<float>> pulse_grad;  // (blocks, phases, kTile, padded width)
  std::vector<Buffer<float>> summed;      // (blocks, phases, kTile): gradients of the charge, summed over keys
  std::vector<Kept<E>> kept;
  std::vector<char> begun;  // runs of the sub-tile whose gradients hold something

  explicit BackwardScratch(const Problem& p)
      : Scratch<E>(p), pulse_turned(p.group()), pulse_grad(p.group()), summed(p.group()) {
    const int deep = padded(p.second_cells.width);
    const size_t tile = kTile;
    by_charge.resize(tile * deep);
    by_load.resize(tile * deep);
    const E& engine = this->engine;
    charge_left.resize(engine.left_size(kTile, deep));
    charge_turned.resize(engine.left_size(deep, kTile));
    load_left.resize(engine.left_size(kTile, deep));
    load_turned.resize(engine.left_size(deep, kTile));
    right.resize(engine.right_size(kTile, kTile));
  }
};

// Gradient of the summed read-outs -> gradient of charge and load of one sub-tile, packed for both products.
template <class E>
void read_out_gradient(const Problem& p, const std::vector<Run>& runs, int b, int kv_head, int h, int q0,
                       const Queries& block, const float* out_grad, BackwardScratch<E>& w) {
  const int width = p.second_cells.width, deep = padded(width);
  const bool loaded = p.second_cells.loaded;
  for (int t = 0; t < block.filled; ++t) {
    const size_t row = static_cast<size_t>(t) * deep;
    float *charge = w.by_charge.data() + row, *load = w.by_load.data() + row;
    if (t >= block.rows || !operated(p, runs, w.seen, block.position[t])) {
      std::fill(charge, charge + deep, 0.0f);
      std::fill(load, load + deep, 0.0f);
      continue;
    }
    const float* grad = out_grad + static_cast<size_t>(t) * width;
    fetch(grad + kAhead * width, width);
    const int tile = runs[w.seen[0]].tile;
    if (p.flags) {
      where_inside(p.flags_of(b, h, q0 + t, tile), grad, width, charge);
    } else {
      second_rows<true>(p, kv_head, tile, 1, deep, w.charge.data() + row, w.load.data() + row, charge, load);
      for (int c = 0; c < width; ++c) charge[c] *= grad[c];
    }
    std::fill(charge + width, charge + deep, 0.0f);
    if (!loaded) continue;
    for (int c = 0; c < width; ++c) load[c] *= grad[c];
    std::fill(load + width, load + deep, 0.0f);
  }
  const int rows = block.filled;
  w.engine.pack_left(w.charge_left.data(), w.by_charge.data(), deep, rows, deep);
  w.engine.pack_left_transposed(w.charge_turned.data(), w.by_charge.data(), deep, deep, rows);
  if (!loaded) return;
  w.engine.pack_left(w.load_left.data(), w.by_load.data(), deep, rows, deep);
  w.engine.pack_left_transposed(w.load_turned.data(), w.by_load.data(), deep, deep, rows);
}

// Through the second product of a run: gradient of the terms of the values, and of the first product's charges and
// loadings, which take the place of their slopes.
template <class E>
void second_gradient(const Problem& p, const Ages& ages, const Run& run, const Queries& block, size_t member,
                     Kept<E>& kept, float* summed, BackwardScratch<E>& w) {
  const Array& a = p.second_cells;
  const int deep = padded(a.width), rows = block.filled;
  const bool on_diagonal = diagonal(block, run), loaded = p.first_cells.loaded;
  Pair<typename E::Element> pairs[kMostChannels];
  int count = 0;
  for (int c = 0; c < a.channels(); ++c) {
    const int parts = std::min(kGradientParts, a.parts[c]);
    pairs[count++] = {(c == a.terms ? w.load_left : w.charge_left).data(), w.values.by_element(member, c), parts};
    w.engine.multiply(deep, kTile, rows, (c == a.terms ? w.load_turned : w.charge_turned).data(),
                kept.right.data() + c * w.engine.right_size(kTile, kTile),
                w.value_grad.data() + (member * a.channels() + c) * kTile * deep, kTile, w.begun[member], parts, false,
                on_diagonal ? Causal::kRight : Causal::kNone);
  }
  float common[kTile];
  for (int t = 0; t < block.rows; ++t)
    common[t] = a.gradient_constant * sum_of(w.by_charge.data() + static_cast<size_t>(t) * deep, deep);
  const auto finish = [&](const Blocks& found) {
    alignas(64) float grad[kBlock];
    for (int t = found.row; t < std::min(found.row + kBlock, block.rows); ++t) {
      sum_terms(ages, kept.factors, a.terms, t, block.position[t] - run.position, found, 1, common[t], grad);
      if (a.loaded) add_row(found.at(a.terms, t), kBlock, grad);
      const size_t at = static_cast<size_t>(t) * kTile + found.column;
      for (int phase = 0; phase < p.phases; ++phase) {
        float* by_charge = kept.charge[phase].data() + at;
        multiply_row(grad, kBlock, by_charge);
        if (p.first_cells.gradient_constant != 0) summed[phase * kTile + t] += sum_of(by_charge, kBlock);
        if (loaded) multiply_row(grad, kBlock, kept.load[phase].data() + at);
      }
    }
  };
  w.engine.multiply_each(rows, kTile, deep, count, pairs, false, on_diagonal ? Causal::kResult : Causal::kNone,
                   w.blocks.data(), finish);
}

// Through the first product of a run: gradient of the pulses, and of the terms of the keys (in whole pulse steps).
template <class E>
void first_gradient(const Problem& p, const Ages& ages, const Run& run, const Queries& block, size_t member,
                    const Kept<E>& kept, const typename E::Element* pulse_turned, float* pulse_grad, bool add,
                    BackwardScratch<E>& w) {
  const Array& a = p.first_cells;
  const int wide = padded(a.width), rows = block.filled;
  const bool on_diagonal = diagonal(block, run);
  for (int phase = 0; phase < p.phases; ++phase) {
    float* to_pulse = pulse_grad + static_cast<size_t>(phase) * kTile * wide;
    const auto* turned = pulse_turned + phase * w.engine.left_size(wide, kTile);
    bool plain = false;  // the charge's gradient itself is packed
    for (int c = 0; c < a.channels(); ++c) {
        const float* grad = (c == a.terms ? kept.load : kept.charge)[phase].data();
      const Aged x = aged(ages, kept.factors, c, run, block, grad, w.scaled.data());
      if (x.scale || x.x != grad || c == a.terms || !plain)
        w.engine.pack_both(w.left.data(), w.right.data(), x.x, kTile, rows, kTile, x.scale);
      plain = x.x == grad && !x.scale;
      const int parts = std::min(kGradientParts, a.parts[c]);
      w.engine.multiply(rows, wide, kTile, w.left.data(), w.keys.by_key(member, c), to_pulse, wide, add || c > 0, parts,
                  false, on_diagonal ? Causal::kLeft : Causal::kNone);
      w.engine.multiply(wide, kTile, rows, turned, w.right.data(),
                  w.key_grad.data() + (member * a.channels() + c) * kTile * wide, kTile, w.begun[member] || phase > 0,
                  parts, p.query_steps > 0, on_diagonal ? Causal::kRight : Causal::kNone);
    }
  }
}

// All that is needed of the second product where its flags were kept.
template <class E>
void pack_phi(const Problem& p, const Ages& ages, const Run& run, const Queries& block, Kept<E>& kept,
              BackwardScratch<E>& w) {
  for (int c = 0; c < p.second_cells.channels(); ++c) {
    const Aged x = aged(ages, kept.factors, c, run, block, kept.phi.data(), w.scaled.data());
    w.engine.pack_both(nullptr, kept.right.data() + c * w.engine.right_size(kTile, kTile), x.x, kTile, block.filled, kTile,
                 x.scale);
  }
}

// One block of queries against one sub-tile: its pulses' gradient, and its share of that of keys and values.
template <class E>
void block_gradient(const Problem& p, const std::vector<Run>& runs, const Ages& ages, int b, int kv_head, int g,
                    size_t index, size_t shift, const float* out_grad, BackwardScratch<E>& w) {
  const Queries& block = w.heads[g].blocks[index];
  while (w.kept.size() < w.seen.size()) w.kept.emplace_back(p, w.engine);
  for (size_t r = 0; r < w.seen.size(); ++r) {
    Slopes slopes;
    for (int phase = 0; phase < p.phases; ++phase) {
      slopes.charge[phase] = w.kept[r].charge[phase].data();
      slopes.load[phase] = w.kept[r].load[phase].data();
    }
    const Run& run = runs[w.seen[r]];
    RowFactors& factors = w.kept[r].factors;
    factors.read(ages, run, block);
    first_product(p, ages, factors, run, block, w.heads[g], index, shift + r, static_cast<Scratch<E>&>(w));
    first_stage<true>(p, kv_head, run, block, w.charges.data(), w.kept[r].phi.data(), slopes);
    if (p.flags)
      pack_phi<E>(p, ages, run, block, w.kept[r], w);
    else
      second_product<E>(p, ages, factors, run, block, w.kept[r].phi.data(), shift + r, w, r > 0,
                        w.kept[r].right.data());
  }
  read_out_gradient<E>(p, runs, b, kv_head, kv_head * p.group() + g, w.heads[g].first[index], block, out_grad, w);
  const int wide = padded(p.first_cells.width);
  const auto* turned = w.pulse_turned[g].data() + index * p.phases * w.engine.left_size(wide, kTile);
  float* pulse_grad = w.pulse_grad[g].data() + index * p.phases * kTile * wide;
  float* summed = w.summed[g].data() + index * p.phases * kTile;
  for (size_t r = 0; r < w.seen.size(); ++r) {
    second_gradient<E>(p, ages, runs[w.seen[r]], block, shift + r, w.kept[r], summed, w);
    first_gradient<E>(p, ages, runs[w.seen[r]], block, shift + r, w.kept[r], turned, pulse_grad,
                      w.heads[g].operated[index], w);
    w.heads[g].operated[index] = 1;
    w.begun[shift + r] = 1;
  }
}

// The gradients of a sub-tile's terms become those of what was to be stored.
template <class E>
void store_gradients(const Problem& p, const std::vector<Run>& runs, const std::vector<int>& members, int b,
                     int kv_head, BackwardScratch<E>& w, const Gradients& g) {
  for (size_t i = 0; i < members.size(); ++i)
    for (Buffer<float>* grad : {&w.key_grad, &w.value_grad}) {
      const size_t each = grad->size() / members.size();
      if (!w.begun[i]) std::fill(grad->data() + i * each, grad->data() + (i + 1) * each, 0.0f);
    }
  const size_t at = static_cast<size_t>(b) * p.kv_heads + kv_head, all = static_cast<size_t>(p.batch) * p.kv_heads;
  for (const Array* a : {&p.first_cells, &p.second_cells}) {
    const bool first = a == &p.first_cells;
    const int64_t row = a->levels ? a->depth() : a->width;
    float* to = (first ? g.keys : g.values) + at * p.keys * row;
    const float* grad = (first ? w.key_grad : w.value_grad).data();
    const size_t each = static_cast<size_t>(a->channels()) * kTile * padded(a->width);
    for (size_t i = 0; i < members.size(); ++i)
      responses_backward(*a, runs[members[i]], b, kv_head, (first ? w.keys : w.values).levels_of_run(i),
                         grad + i * each, first && p.query_steps ? 1.0f / p.query_steps : 1.0f, w.keys.scratch, to, row,
                         static_cast<int64_t>(all * p.keys * row));
  }
}

template <class E>
void backward_heads(const Problem& p, const std::vector<Run>& runs, const Ages& ages, int b, int kv_head,
                    BackwardScratch<E>& w, const Gradients& gradients) {
  const int group = p.group();
  w.engine.begin();
  const size_t each = static_cast<size_t>(p.phases) * kTile * padded(p.first_cells.width);
  for (int g = 0; g < group; ++g) {
    place_head(p, b, kv_head * group + g, 0, p.queries, static_cast<Scratch<E>&>(w), w.heads[g], &w.pulse_turned[g]);
    w.pulse_grad[g].resize(each * w.heads[g].blocks.size());
    w.summed[g].assign(static_cast<size_t>(p.phases) * kTile * w.heads[g].blocks.size(), 0.0f);
  }
  for (const auto& members : sub_tiles(runs, p.key_start, p.key_start + p.keys)) {
    if (members.empty()) continue;
    w.keys.fill(w.engine, p.first_cells, runs, members, b, kv_head, p.first_cells.table, p.first_cells.gradient);
    w.values.fill(w.engine, p.second_cells, runs, members, b, kv_head, p.second_cells.gradient,
                  p.flags ? nullptr : p.second_cells.table);
    w.key_grad.resize(members.size() * p.first_cells.channels() * kTile * padded(p.first_cells.width));
    w.value_grad.resize(members.size() * p.second_cells.channels() * kTile * padded(p.second_cells.width));
    w.begun.assign(members.size(), 0);
    for (int g = 0; g < group; ++g)
      for (size_t i = 0; i < w.heads[g].blocks.size(); ++i) {
        visible(p, runs, members, w.heads[g].blocks[i], w.seen);
        if (w.seen.empty()) continue;
        const size_t shift = std::find(members.begin(), members.end(), w.seen[0]) - members.begin();
        const size_t place = (static_cast<size_t>(b) * p.heads + kv_head * group + g) * p.queries + w.heads[g].first[i];
        block_gradient<E>(p, runs, ages, b, kv_head, g, i, shift, gradients.out + place * p.second_cells.width, w);
      }
    store_gradients(p, runs, members, b, kv_head, w, gradients);
  }
  w.engine.end();
  for (int g = 0; g < group; ++g)
    for (size_t i = 0; i < w.heads[g].blocks.size(); ++i) {
      float* grad = w.pulse_grad[g].data() + i * each;
      if (!w.heads[g].operated[i]) std::fill(grad, grad + each, 0.0f);
      add_common(p.first_cells, p.phases * kTile, w.summed[g].data() + i * p.phases * kTile, grad);
      query_gradient(p, b, kv_head * group + g, w.heads[g].first[i], w.heads[g].blocks[i], grad, gradients.pulses);
    }
}

}  // namespace gaincell
