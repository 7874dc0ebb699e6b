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
  Buffer<float> key_grad, value_grad, by_charge, by_load, at_anchors;
  Operand charge_left, charge_turned, load_left, load_turned, right;
  std::vector<Operand> pulse_turned;      // of each head: its pulses, transposed, as left operands
  std::vector<Buffer<float>> pulse_grad;  // (blocks, phases, kTile, padded width)
  std::vector<Buffer<float>> summed;      // (blocks, phases, kTile): gradients of the charge, summed over keys
  std::vector<Kept<E>> kept;
  std::vector<Factors> factors;
  std::vector<char> begun;  // runs of the sub-tile whose gradients hold something

  explicit BackwardScratch(const Problem& p)
      : Scratch<E>(p), pulse_turned(p.group()), pulse_grad(p.group()), summed(p.group()) {
    const int wide = padded(p.first_cells.width), deep = padded(p.second_cells.width);
    const E& engine = this->engine;
    for (Buffer<float>* row : {&by_charge, &by_load}) row->resize(static_cast<size_t>(kTile) * deep);
    at_anchors.resize(static_cast<size_t>(p.anchors.count) * kTile * std::max(wide, deep));
    for (Operand* left : {&charge_left, &charge_turned, &load_left, &load_turned})
      left->resize(engine.left_size(kTile, deep));
    right.resize(engine.right_size(kTile, kTile));
  }
};

// Gradient of the summed read-outs -> gradient of charge and load of one sub-tile, packed for both products.
template <class E>
void read_out_gradient(const Group& of, const Queries& block, const float* out_grad, BackwardScratch<E>& w) {
  const Problem& p = of.p;
  const int width = p.second_cells.width, deep = padded(width), tile = of.runs[w.seen[0]].tile;
  const bool loaded = p.second_cells.loaded;
  for (int t = 0; t < block.filled; ++t) {
    const size_t row = static_cast<size_t>(t) * deep;
    float *charge = w.by_charge.data() + row, *load = w.by_load.data() + row;
    if (t >= block.rows || !operated(p, of.runs, w.seen, block.position[t])) {
      std::fill(charge, charge + deep, 0.0f);
      std::fill(load, load + deep, 0.0f);
      continue;
    }
    const float* grad = out_grad + (of.row(block) + t) * width;
    fetch(grad + kAhead * width, width);
    if (p.flags) {
      where_inside(p.flags_of(of.row(block) + t, tile), grad, width, charge);
    } else {
      second_rows<true>(p, of.kv_head, tile, 1, deep, w.charge.data() + row, w.load.data() + row, charge, load);
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

// Where the gradient of channel c of a run's terms goes, in the layout of `key_grad` and `value_grad`: to the terms'
// own, or to the anchors' first.
template <class E>
struct TermGradient {
  const Visit<E>& visit;
  const Array& a;
  float* own;
  float* anchors;
  size_t each;
  bool add;  // the terms' own hold something

  TermGradient(const Visit<E>& visit, const Array& a, Buffer<float>& grad, bool add, BackwardScratch<E>& w)
      : visit(visit), a(a), anchors(w.at_anchors.data()), each(static_cast<size_t>(kTile) * padded(a.width)), add(add) {
    own = grad.data() + visit.member * a.channels() * each;
  }
  bool anchored(int c) const { return visit.factors.anchored && c < visit.factors.terms; }
  float* of(int c) const {
    return anchored(c) ? anchors + c * each : own + (c < visit.factors.terms ? c : a.terms) * each;
  }
  void finish() const {
    if (visit.factors.anchored) add_from_anchors(visit.factors, a.terms, anchors, padded(a.width), add, own);
  }
};

// Through the second product of a run: gradient of the terms of the values, and of the first product's charges and
// loadings, which take the place of their slopes.
template <class E>
void second_gradient(const Visit<E>& visit, Kept<E>& kept, float* summed, BackwardScratch<E>& w) {
  const Problem& p = visit.of.p;
  const Array& a = p.second_cells;
  const Queries& block = visit.block;
  const int deep = padded(a.width), rows = block.filled, terms = visit.factors.terms, channels = terms + a.loaded;
  const auto operands = w.values.by_element(visit.factors, a, visit.member);
  const TermGradient<E> grad(visit, a, w.value_grad, w.begun[visit.member], w);
  Pair<typename E::Element> pairs[kMostChannels];
  for (int c = 0; c < channels; ++c) {
    const int parts = std::min(kGradientParts, a.parts[c]);
    pairs[c] = {(c == terms ? w.load_left : w.charge_left).data(), operands[c], parts};
    w.engine.multiply(deep, kTile, rows, (c == terms ? w.load_turned : w.charge_turned).data(),
                      kept.right.data() + c * w.engine.right_size(kTile, kTile), grad.of(c), kTile,
                      grad.add && !grad.anchored(c), parts, false,
                      visit.on_diagonal() ? Causal::kRight : Causal::kNone);
  }
  grad.finish();
  float common[kTile];
  for (int t = 0; t < block.rows; ++t)
    common[t] = a.gradient_constant * sum_of(w.by_charge.data() + static_cast<size_t>(t) * deep, deep);
  const auto finish = [&](const Blocks& found) {
    alignas(64) float row[kBlock];
    for (int t = found.row; t < std::min(found.row + kBlock, block.rows); ++t) {
      sum_terms(visit.of.ages, visit.factors, t, visit.age(t), found, 1, common[t], row);
      if (a.loaded) add_row(found.at(terms, t), kBlock, row);
      const size_t at = static_cast<size_t>(t) * kTile + found.column;
      for (int phase = 0; phase < p.phases; ++phase) {
        float* by_charge = kept.charge[phase].data() + at;
        multiply_row(row, kBlock, by_charge);
        if (p.first_cells.gradient_constant != 0) summed[phase * kTile + t] += sum_of(by_charge, kBlock);
        if (p.first_cells.loaded) multiply_row(row, kBlock, kept.load[phase].data() + at);
      }
    }
  };
  multiply_each(w.engine, rows, kTile, deep, channels, pairs, false,
                visit.on_diagonal() ? Causal::kResult : Causal::kNone, w.blocks.data(), finish);
}

// Through the first product of a run: gradient of the pulses, and of the terms of the keys (in whole pulse steps).
// turned: the pulses of each phase.
template <class E>
void first_gradient(const Visit<E>& visit, const Kept<E>& kept, const typename E::Element* turned, float* pulse_grad,
                    bool add, BackwardScratch<E>& w) {
  const Problem& p = visit.of.p;
  const Array& a = p.first_cells;
  const int wide = padded(a.width), rows = visit.block.filled, terms = visit.factors.terms;
  const bool on_diagonal = visit.on_diagonal();
  const auto operands = w.keys.by_key(visit.factors, a, visit.member);
  for (int phase = 0; phase < p.phases; ++phase) {
    const TermGradient<E> key_grad(visit, a, w.key_grad, w.begun[visit.member] || phase > 0, w);
    bool plain = false;  // the charge's gradient itself is packed
    const typename E::Element* left = nullptr;
    for (int c = 0; c < terms + a.loaded; ++c) {
      const float* grad = (c == terms ? kept.load : kept.charge)[phase].data();
      const Aged x = aged(visit.of.ages, visit.factors, c, visit.run, visit.block, grad, w.scaled.data());
      if (x.scale || x.x != grad || c == terms || !plain)
        left = w.engine.pack_both(w.left.data(), w.right.data(), x.x, kTile, rows, kTile, x.scale);
      plain = x.x == grad && !x.scale;
      const int parts = std::min(kGradientParts, a.parts[c]);
      w.engine.multiply(rows, wide, kTile, left, operands[c],
                        pulse_grad + static_cast<size_t>(phase) * kTile * wide, wide, add || c > 0, parts, false,
                        on_diagonal ? Causal::kLeft : Causal::kNone);
      w.engine.multiply(wide, kTile, rows, turned + phase * visit.each, w.right.data(), key_grad.of(c), kTile,
                        key_grad.add && !key_grad.anchored(c), parts, p.query_steps > 0,
                        on_diagonal ? Causal::kRight : Causal::kNone);
    }
    key_grad.finish();
  }
}

// All that is needed of the second product where its flags were kept.
template <class E>
void pack_phi(const Visit<E>& visit, Kept<E>& kept, BackwardScratch<E>& w) {
  for (int c = 0; c < visit.factors.terms + visit.of.p.second_cells.loaded; ++c) {
    const Aged x = aged(visit.of.ages, visit.factors, c, visit.run, visit.block, kept.phi.data(), w.scaled.data());
    w.engine.pack_both(nullptr, kept.right.data() + c * w.engine.right_size(kTile, kTile), x.x, kTile,
                       visit.block.filled, kTile, x.scale);
  }
}

// Block i of a head against one sub-tile, whose first visible run is member `shift`: its pulses' gradient, and its
// share of that of keys and values.
template <class E>
void block_gradient(const Group& of, int g, size_t i, size_t shift, const float* out_grad, BackwardScratch<E>& w) {
  const Problem& p = of.p;
  Head<E>& head = w.heads[g];
  const Queries& block = head.blocks[i];
  while (w.kept.size() < w.seen.size()) w.kept.emplace_back(p, w.engine);
  w.factors.clear();
  for (int r : w.seen) w.factors.emplace_back(of.ages, of.runs[r], block);
  const size_t place = i * p.phases;
  const auto visit = [&](size_t r) {
    return Visit<E>{of,       block, of.runs[w.seen[r]], w.factors[r], shift + r, head.left.data() + place * head.each,
                    head.each};
  };
  for (size_t r = 0; r < w.seen.size(); ++r) {
    Slopes slopes;
    for (int phase = 0; phase < p.phases; ++phase) {
      slopes.charge[phase] = w.kept[r].charge[phase].data();
      slopes.load[phase] = w.kept[r].load[phase].data();
    }
    const Visit<E> own = visit(r);
    first_product(own, static_cast<Scratch<E>&>(w));
    first_stage<true>(p, of.kv_head, own.run, block, w.charges.data(), w.kept[r].phi.data(), slopes);
    if (p.flags)
      pack_phi(own, w.kept[r], w);
    else
      second_product(own, w.kept[r].phi.data(), static_cast<Scratch<E>&>(w), r > 0, w.kept[r].right.data());
  }
  read_out_gradient(of, block, out_grad, w);
  float* pulse_grad = w.pulse_grad[g].data() + place * kTile * padded(p.first_cells.width);
  for (size_t r = 0; r < w.seen.size(); ++r) {
    second_gradient(visit(r), w.kept[r], w.summed[g].data() + place * kTile, w);
    first_gradient(visit(r), w.kept[r], w.pulse_turned[g].data() + place * head.each, pulse_grad, head.operated[i], w);
    head.operated[i] = 1;
    w.begun[shift + r] = 1;
  }
}

// The gradients of a sub-tile's terms become those of what was to be stored.
template <class E>
void store_gradients(const Group& of, const std::vector<int>& members, BackwardScratch<E>& w, const Gradients& g) {
  const Problem& p = of.p;
  const size_t at = static_cast<size_t>(of.b) * p.kv_heads + of.kv_head,
               all = static_cast<size_t>(p.batch) * p.kv_heads;
  for (const Array* a : {&p.first_cells, &p.second_cells}) {
    const bool first = a == &p.first_cells;
    const int64_t row = a->levels ? a->depth() : a->width;
    float* to = (first ? g.keys : g.values) + at * p.keys * row;
    const size_t each = static_cast<size_t>(a->channels()) * kTile * padded(a->width);
    for (size_t i = 0; i < members.size(); ++i) {
      float* grad = (first ? w.key_grad : w.value_grad).data() + i * each;
      if (!w.begun[i]) std::fill(grad, grad + each, 0.0f);
      responses_backward(*a, of.runs[members[i]], of.b, of.kv_head, (first ? w.keys : w.values).levels_of_run(i), grad,
                         first && p.query_steps ? 1.0f / p.query_steps : 1.0f, w.keys.scratch, to, row,
                         static_cast<int64_t>(all * p.keys * row));
    }
  }
}

template <class E>
void backward_heads(const Group& of, BackwardScratch<E>& w, const Gradients& gradients) {
  const Problem& p = of.p;
  w.engine.begin();
  const size_t each = static_cast<size_t>(p.phases) * kTile * padded(p.first_cells.width);
  for (int g = 0; g < p.group(); ++g) {
    place_head(of, of.head(g), 0, p.queries, static_cast<Scratch<E>&>(w), w.heads[g], &w.pulse_turned[g]);
    w.pulse_grad[g].resize(each * w.heads[g].blocks.size());
    w.summed[g].assign(static_cast<size_t>(p.phases) * kTile * w.heads[g].blocks.size(), 0.0f);
  }
  for (const auto& members : sub_tiles(of.runs, p.key_start, p.key_start + p.keys)) {
    if (members.empty()) continue;
    w.keys.fill(w.engine, p.first_cells, of.runs, members, of.b, of.kv_head, p.first_cells.table,
                p.first_cells.gradient);
    w.values.fill(w.engine, p.second_cells, of.runs, members, of.b, of.kv_head, p.second_cells.gradient,
                  p.flags ? nullptr : p.second_cells.table);
    w.key_grad.resize(members.size() * p.first_cells.channels() * kTile * padded(p.first_cells.width));
    w.value_grad.resize(members.size() * p.second_cells.channels() * kTile * padded(p.second_cells.width));
    w.begun.assign(members.size(), 0);
    for (int g = 0; g < p.group(); ++g)
      for (size_t i = 0; i < w.heads[g].blocks.size(); ++i) {
        visible(p, of.runs, members, w.heads[g].blocks[i], w.seen);
        if (w.seen.empty()) continue;
        const size_t shift = std::find(members.begin(), members.end(), w.seen[0]) - members.begin();
        block_gradient(of, g, i, shift, gradients.out, w);
      }
    store_gradients(of, members, w, gradients);
  }
  w.engine.end();
  for (int g = 0; g < p.group(); ++g)
    for (size_t i = 0; i < w.heads[g].blocks.size(); ++i) {
      float* grad = w.pulse_grad[g].data() + i * each;
      if (!w.heads[g].operated[i]) std::fill(grad, grad + each, 0.0f);
      add_common(p.first_cells, p.phases * kTile, w.summed[g].data() + i * p.phases * kTile, grad);
      query_gradient(p, of.b, w.heads[g].blocks[i], grad, gradients.pulses + of.row(w.heads[g].blocks[i]) * p.depth);
    }
}

}  // namespace gaincell
