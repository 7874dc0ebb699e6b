// Factors of the ages between the queries of a block and the keys of a run.
#pragma once

#include <algorithm>

#include "gemm.h"
#include "ring.h"

namespace gaincell {

struct Ages {
  const Array& a;
  const Anchors& anchors;
  int count;

  explicit Ages(const Problem& p) : a(p.first_cells), anchors(p.anchors), count(std::min(a.ages, p.keys)) {}
  bool tabled(int term) const { return a.kinds[term] == kTable; }
  bool exponential(int term) const { return a.kinds[term] == kExponential; }
  // Factor of a run's first key. 0 before it is written.
  float of_first(int term, int64_t age) const {
    return age < 0 || age >= count ? 0.0f : a.factors[term * a.ages + age];
  }
  // Factors of the keys of a run for a query, or an anchor, `age` tokens after its first key; ages that do not occur:
  // anything.
  const float* row(int term, int64_t age) const {
    const int64_t start = std::min<int64_t>(std::max<int64_t>(anchors.oldest - age, 0), anchors.ages - kTile);
    return anchors.factors + static_cast<int64_t>(term) * anchors.ages + start;
  }
};

// The terms of a run's products for a block of queries: those of the cells, or one for each anchor, and their factors.
// Each has one for every query, and further ones for the keys or for both.
struct Factors {
  int terms;
  bool anchored;
  alignas(64) float of_query[kMostChannels][kTile];
  const float* of_key[kMostChannels];                   // null for none
  const float* at_anchor[kMostChannels][kMostAnchors];  // of a cell's term: factors of the keys at an anchor

  Factors(const Ages& ages, const Run& run, const Queries& block) : anchored(ages.anchors.count > 0) {
    const Array& a = ages.a;
    const int64_t age = block.position[0] - run.position;
    terms = anchored ? ages.anchors.count : a.terms;
    for (int c = 0; c < terms; ++c) {
      of_key[c] = !anchored && ages.exponential(c) ? a.kept + c * kTile : nullptr;
      for (int t = 0; t < kTile; ++t)
        of_query[c][t] = t >= block.rows       ? 0.0f
                         : anchored            ? ages.anchors.shares[c * kTile + block.position[t] - block.position[0]]
                         : ages.exponential(c) ? ages.of_first(c, block.position[t] - run.position)
                                               : 1.0f;
    }
    for (int c = 0; c < a.terms && anchored; ++c)
      for (int j = 0; j < terms; ++j) at_anchor[c][j] = ages.row(c, age + ages.anchors.offsets[j]);
  }
  bool tabled(const Ages& ages, int term) const { return !anchored && term < terms && ages.tabled(term); }
  // Whether a query's factor is all that its products leave open.
  bool by_query(const Ages& ages, int term) const { return term < terms && (anchored || ages.exponential(term)); }
};

// Row t of a block of the first terms' products, kBlock keys of a run: their sum, each with the factors of the keys'
// ages, in multiples of `unit`.
inline void sum_terms(const Ages& ages, const Factors& factors, int t, int64_t age, const Blocks& found, float unit,
                      float bias, float* out) {
  constexpr int n = kBlock / kLanes;
  vf sum[n];
  for (int i = 0; i < n; ++i) sum[i] = broadcast(bias);
  for (int c = 0; c < factors.terms; ++c) {
    const float* term = found.at(c, t);
    const float* factor = factors.tabled(ages, c) ? ages.row(c, age) : factors.of_key[c];
    const vf scale = broadcast(unit * factors.of_query[c][t]);
    if (factor)
      for (int i = 0; i < n; ++i) sum[i] += scale * load(factor + found.column + i * kLanes) * load(term + i * kLanes);
    else
      for (int i = 0; i < n; ++i) sum[i] += scale * load(term + i * kLanes);
  }
  for (int i = 0; i < n; ++i) store(out + i * kLanes, sum[i]);
}

// What a channel of the second product multiplies: x (rows, kTile) by the factor of every key's age, of which the
// queries' share is left to `scale`.
struct Aged {
  const float* x = nullptr;
  const float* scale = nullptr;
};

[[gnu::noinline]] inline Aged aged(const Ages& ages, const Factors& factors, int channel, const Run& run,
                                   const Queries& block, const float* x, float* out) {
  if (factors.by_query(ages, channel)) return {x, factors.of_query[channel]};
  if (!factors.tabled(ages, channel)) return {x, nullptr};
  for (int t = 0; t < block.filled; ++t) {
    const float* factor = ages.row(channel, t < block.rows ? block.position[t] - run.position : 0);
    const float* from = x + static_cast<size_t>(t) * kTile;
    float* to = out + static_cast<size_t>(t) * kTile;
    for (int s = 0; s < kTile; ++s) to[s] = factor[s] * from[s];
  }
  return {out, nullptr};
}

// Operands of the anchors, (anchors, rows, n): sum_c factor_c term_c, with a factor of every number of a row (Each) or
// one of the row.
template <bool Each>
inline void read_at_anchors(const Factors& factors, int terms, const float* operand, size_t term, int rows, int n,
                            float* out, size_t anchor) {
  constexpr int together = 4;
  for (int row = 0; row < rows; ++row)
    for (int i = 0; i < n; i += together * kLanes)
      for (int j = 0; j < factors.terms; ++j) {
        const size_t at = static_cast<size_t>(row) * n + i;
        vf sum[together] = {};
        for (int c = 0; c < terms; ++c) {
          const float* factor = factors.at_anchor[c][j] + (Each ? i : row);
          const float* from = operand + c * term + at;
          for (int l = 0; l < together && i + l * kLanes < n; ++l)
            sum[l] += (Each ? load(factor + l * kLanes) : broadcast(*factor)) * load(from + l * kLanes);
        }
        for (int l = 0; l < together && i + l * kLanes < n; ++l) store(out + j * anchor + at + l * kLanes, sum[l]);
      }
}

// Gradient of what a run's keys gave at the anchors (anchors, rows, kTile) -> that of their terms, (terms, rows,
// kTile): onto it, or in its place.
inline void add_from_anchors(const Factors& factors, int terms, const float* grad, int rows, bool add, float* out) {
  const size_t each = static_cast<size_t>(rows) * kTile;
  for (int c = 0; c < terms; ++c)
    for (size_t i = 0; i < each; i += kLanes) {
      vf sum = add ? load(out + c * each + i) : vf{};
      for (int j = 0; j < factors.terms; ++j)
        sum += load(factors.at_anchor[c][j] + i % kTile) * load(grad + j * each + i);
      store(out + c * each + i, sum);
    }
}

}  // namespace gaincell
