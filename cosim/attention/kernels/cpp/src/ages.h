// Factors of the ages between the queries of a block and the keys of a run.
#pragma once

#include <algorithm>
#include <vector>

#include "gemm.h"
#include "ring.h"

namespace gaincell {

// Factors by age; those of tables newest last as well, with room for ages that no key has.
struct Ages {
  const Array& a;
  int count;
  std::vector<Buffer<float>> reversed;

  Ages(const Array& array, int keys) : a(array), count(std::min(array.ages, keys)), reversed(array.terms) {
    for (int c = 0; c < a.terms; ++c)
      if (a.kinds[c] == kTable) {
        reversed[c].assign(count + 2 * kTile, 0.0f);
        for (int age = 0; age < count; ++age) reversed[c][kTile + count - 1 - age] = a.factors[c * a.ages + age];
      }
  }
  bool tabled(int channel) const { return channel < a.terms && a.kinds[channel] == kTable; }
  bool exponential(int channel) const { return channel < a.terms && a.kinds[channel] == kExponential; }
  // What a run's keys have kept where its first has kept 1.
  const float* kept(int channel) const { return a.kept + channel * kTile; }
  // Factor of a run's first key. 0 before it is written.
  float of_first(int channel, int64_t age) const {
    return age < 0 || age >= count ? 0.0f : a.factors[channel * a.ages + age];
  }
  // Factors of the keys of a run for a query `age` tokens after its first key; ages that do not occur: anything.
  const float* row(int channel, int64_t age) const {
    const int64_t start = kTile + count - 1 - age;
    return reversed[channel].data() + std::min<int64_t>(std::max<int64_t>(start, 0), count + kTile);
  }
};

// Factors of the ages between a block's queries and a run's first key: what exponentials leave to the rows.
struct RowFactors {
  alignas(64) float of[kMostChannels][kTile];

  void read(const Ages& ages, const Run& run, const Queries& block) {
    for (int c = 0; c < ages.a.terms; ++c)
      for (int t = 0; t < kTile; ++t)
        of[c][t] = !ages.exponential(c) ? 1.0f
                   : t < block.rows     ? ages.of_first(c, block.position[t] - run.position)
                                        : 0.0f;
  }
};

// Row t of a block of the first terms' products, kBlock keys of a run: their sum, each with the factors of the keys'
// ages, in multiples of `unit`.
inline void sum_terms(const Ages& ages, const RowFactors& factors, int terms, int t, int64_t age, const Blocks& found,
                      float unit, float bias, float* out) {
  constexpr int n = kBlock / kLanes;
  vf sum[n];
  for (int i = 0; i < n; ++i) sum[i] = broadcast(bias);
  for (int c = 0; c < terms; ++c) {
    const float* term = found.at(c, t);
    const float* factor = ages.tabled(c) ? ages.row(c, age) : ages.exponential(c) ? ages.kept(c) : nullptr;
    const vf scale = broadcast(unit * factors.of[c][t]);
    if (factor)
      for (int i = 0; i < n; ++i) sum[i] += scale * load(factor + found.column + i * kLanes) * load(term + i * kLanes);
    else
      for (int i = 0; i < n; ++i) sum[i] += scale * load(term + i * kLanes);
  }
  for (int i = 0; i < n; ++i) store(out + i * kLanes, sum[i]);
}

// What a channel of the second product multiplies: x (rows, kTile) by the factor of every key's age, of which an
// exponential's leaves the queries' share to `scale`.
struct Aged {
  const float* x = nullptr;
  const float* scale = nullptr;
};

[[gnu::noinline]] inline Aged aged(const Ages& ages, const RowFactors& factors, int channel, const Run& run, const Queries& block,
                 const float* x, float* out) {
  if (ages.exponential(channel)) return {x, factors.of[channel]};
  if (!ages.tabled(channel)) return {x, nullptr};
  for (int t = 0; t < block.filled; ++t) {
    const float* factor = ages.row(channel, t < block.rows ? block.position[t] - run.position : 0);
    const float* from = x + static_cast<size_t>(t) * kTile;
    float* to = out + static_cast<size_t>(t) * kTile;
    for (int s = 0; s < kTile; ++s) to[s] = factor[s] * from[s];
  }
  return {out, nullptr};
}

}  // namespace gaincell
