// What decoding does with a row of stored elements: find their levels, look them up in a table of their key's age, and
// weigh them with pulses (first product) or add them up (second).
#pragma once

#include <cmath>
#include <limits>

#include "forward.h"

namespace gaincell {

constexpr int kResponses = 2, kMostTerms = 4;
constexpr int kGroup = 4 * kLanes;  // elements whose levels are found together

// Responses by level of the keys of a run, each at its age: charge, and loading.
struct Tables {
  alignas(64) float of[kResponses][kTile][kEntries];
};

// Terms by level, every row as long as a table.
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
    std::fill(rows.begin(), rows.end(), 0.0f);
    for (int c = 0; c < a.channels(); ++c)
      std::copy_n(a.table + c * (a.levels + 1), a.levels, rows.data() + c * kEntries);
  }

  // Tables of `count` keys, keys[i] tokens younger than `age`, each times its weight; weights null: 1. Entries: how
  // many are in use.
  template <int Entries>
  void tabulate(int64_t age, int count, const int* keys, const float* weights, Tables& tables) const {
    switch (terms) {
      case 1:
        return tabulate_terms<Entries, 1>(age, count, keys, weights, tables);
      case 2:
        return tabulate_terms<Entries, 2>(age, count, keys, weights, tables);
      case 3:
        return tabulate_terms<Entries, 3>(age, count, keys, weights, tables);
      default:
        return tabulate_terms<Entries, 4>(age, count, keys, weights, tables);
    }
  }

 private:
  template <int Entries, int Count>
  void tabulate_terms(int64_t age, int count, const int* keys, const float* weights, Tables& tables) const {
    for (int e = 0; e < Entries; e += kLanes) {
      vf row[Count];
      for (int c = 0; c < Count; ++c) row[c] = load(rows.data() + c * kEntries + e);
      for (int i = 0; i < count; ++i) {
        const float* factor = factors + age - keys[i];
        vf sum = broadcast(factor[0]) * row[0];
        for (int c = 1; c < Count; ++c) sum += broadcast(factor[static_cast<int64_t>(c) * ages]) * row[c];
        store(tables.of[0][i] + e, weights ? broadcast(weights[i]) * sum : sum);
      }
      const vf last = loaded ? load(rows.data() + Count * kEntries + e) : vf{};
      for (int i = 0; i < count && loaded; ++i)
        store(tables.of[1][i] + e, weights ? broadcast(weights[i]) * last : last);
    }
  }
};

// A row of elements as whole groups: where it lies, or copied beside `rest`, which stands for what follows it.
template <class Element>
class Rows {
 public:
  Rows(int depth, Element rest) : depth_(depth), copy_(depth % kGroup ? groups(depth) : 0, rest) {}
  const Element* operator()(const Element* row) {
    if (copy_.empty()) return row;
    std::copy_n(row, depth_, copy_.data());
    return copy_.data();
  }
  static int groups(int depth) { return (depth + kGroup - 1) / kGroup * kGroup; }

 private:
  int depth_;
  std::vector<Element> copy_;
};

// Elements as volts. A group's levels come in the order of the elements.
template <bool Wide>
struct Volts {
  using Element = float;
  static constexpr bool kWide = Wide;
  vf low, high, span, per_span, steps, magic;
  float rest;
  explicit Volts(const Array& a)
      : low(broadcast(a.low)),
        high(broadcast(a.high)),
        span(broadcast(a.span)),
        per_span(broadcast(1 / a.span)),
        steps(broadcast(static_cast<float>(a.levels - 1))),
        magic(broadcast(kMagic)),
        rest(a.low) {}
  static const float* elements(const Array& a) { return a.values; }
  static int place(int d) { return d; }
  static bool missing(const Array&, float x) { return x != x; }

  // Levels of a group, in the low bits. found: collects bits that `any_missing` looks at.
  void levels(const float* row, vi* level, vi& found) const {
    for (int i = 0; i < 4; ++i) {
      const vf x = clip_lanes(load(row + i * kLanes), low, high) - low;
      level[i] = bits_of(round_lanes(divide_lanes(x, span, per_span) * steps) + magic);  // as `height`
      found |= level[i];
    }
  }
  void complements(const vi* level, vi last, vi* other) const {
    for (int i = 0; i < 4; ++i) other[i] = last - level[i];
  }
  // The sum's exponent is that of `kMagic`; that of what is not a number has all bits.
  static bool any_missing(const Array&, vi found) { return any_lane(found & 0x20000000); }
};

// Elements as levels, a byte each; more than there are is not a number. A group's levels come in the order 0, 4, 8 ...,
// 1, 5, 9 ..., so that a shift finds them: bits above a level's own do not matter to a table.
template <bool Wide>
struct Bytes {
  using Element = uint8_t;
  static constexpr bool kWide = Wide;
  uint8_t rest = 0;
  explicit Bytes(const Array&) {}
  static const uint8_t* elements(const Array& a) { return a.bytes; }
  static int place(int d) { return d / kGroup * kGroup + d % 4 * kLanes + d % kGroup / 4; }
  static bool missing(const Array& a, uint8_t level) { return level >= a.levels; }

  void levels(const uint8_t* row, vi* level, vi& found) const {
    std::memcpy(&level[0], row, sizeof level[0]);
    found |= level[0];
    for (int i = 1; i < 4; ++i) level[i] = level[0] >> 8 * i;
  }
  void complements(const vi* level, vi last, vi* other) const {
    other[0] = subtract_bytes(last * 0x01010101, level[0]);
    for (int i = 1; i < 4; ++i) other[i] = other[0] >> 8 * i;
  }
  static bool any_missing(const Array&, vi found) {
    constexpr uint32_t beyond = 0x01010101u * (0x100u - (Wide ? 16 : 8));
    return any_lane(found & static_cast<int32_t>(beyond));
  }
};

// Row of a key's stored elements.
template <class Stored>
inline const typename Stored::Element* row_of(const Array& a, int b, int head, int key) {
  return Stored::elements(a) + b * a.batch_stride + head * a.head_stride + key * a.key_stride;
}

// First product of a run's keys from .. to - 1 with each side of the pulses (plus; minus, against complements where
// rows are mirrored): sums[side * kinds + kind][key], kinds being charge and loading. tables: of each key's age.
// weights: pulses at the places of their elements.
template <bool Loaded, bool Sides, class Stored>
inline void weigh_run(const Array& a, const Tables& tables, const Stored& stored, Rows<typename Stored::Element>& rows,
                      const typename Stored::Element* run, int from, int to, const float* const* weights,
                      float (*sums)[kTile]) {
  constexpr int kinds = Loaded ? 2 : 1, outputs = kinds * (Sides ? 2 : 1);
  alignas(64) float partial[outputs][kTile][kLanes];
  const int depth = a.depth(), groups = rows.groups(depth);
  const bool mirrored = a.mirrored;
  const vi last = vi{} + (a.levels - 1);
  vi found{};
  for (int s = from; s < to; ++s) {
    const auto* own = rows(run + s * a.key_stride);
    fetch(run + (s + kTile) * a.key_stride, depth);
    const Lookup<Stored::kWide> charge(tables.of[0][s - from]), loading(tables.of[kinds - 1][s - from]);
    vf sum[outputs] = {};
    for (int d = 0; d < groups; d += kGroup) {
      vi level[4], other[4];
      stored.levels(own + d, level, found);
      if (Sides && mirrored) stored.complements(level, last, other);
      for (int i = 0; i < 4; ++i) {
        const vf plus = load(weights[0] + d + i * kLanes);
        sum[0] += plus * charge[level[i]];
        if (Loaded) sum[kinds - 1] += plus * loading[level[i]];
        if (!Sides) continue;
        const vi at = mirrored ? other[i] : level[i];
        const vf minus = load(weights[1] + d + i * kLanes);
        sum[outputs - kinds] += minus * charge[at];
        if (Loaded) sum[outputs - 1] += minus * loading[at];
      }
    }
    for (int o = 0; o < outputs; ++o) store(partial[o][s], sum[o]);
  }
  for (int o = 0; o < outputs; ++o)
    for (int s = from / kLanes * kLanes; s < to; s += kLanes) store(sums[o] + s, sums_of_rows(partial[o][s]));
  if (!Stored::any_missing(a, found)) return;
  for (int s = from; s < to; ++s)
    for (int d = 0; d < depth; ++d)
      if (Stored::missing(a, run[s * a.key_stride + d]))
        for (int o = 0; o < outputs; ++o) sums[o][s] = std::numeric_limits<float>::quiet_NaN();
}

// sums[j][place of d] += sum_i tables_i[j][level of rows_i[d]] for N groups of elements; tables come weighted.
template <int J, int N, class Stored>
inline void gather_groups(const Stored& stored, Rows<typename Stored::Element>& whole,
                          const typename Stored::Element* const* rows, int keys, int first, const Tables& tables,
                          float* const* sums, vi& found) {
  vf sum[J][4 * N] = {};
  for (int s = 0; s < keys; ++s) {
    const auto* own = whole(rows[s]) + first;
    const Lookup<Stored::kWide> charge(tables.of[0][s]), loading(tables.of[J - 1][s]);
    for (int n = 0; n < N; ++n) {
      vi level[4];
      stored.levels(own + n * kGroup, level, found);
      for (int i = 0; i < 4; ++i) sum[0][4 * n + i] += charge[level[i]];
      for (int i = 0; i < 4 && J == 2; ++i) sum[J - 1][4 * n + i] += loading[level[i]];
    }
  }
  for (int j = 0; j < J; ++j)
    for (int i = 0; i < 4 * N; ++i) {
      float* to = sums[j] + first + i * kLanes;
      store(to, load(to) + sum[j][i]);
    }
}

template <int J, class Stored>
inline void gather(const Array& a, const Stored& stored, Rows<typename Stored::Element>& whole,
                   const typename Stored::Element* const* rows, int keys, const Tables& tables, float* const* sums) {
  constexpr int together = J == 1 && kLanes == 8 ? 2 : 1;  // eight sums, which fit into registers
  const int depth = a.depth(), groups = whole.groups(depth);
  vi found{};
  int d = 0;
  for (; d + together * kGroup <= groups; d += together * kGroup)
    gather_groups<J, together>(stored, whole, rows, keys, d, tables, sums, found);
  for (; together > 1 && d < groups; d += kGroup)
    gather_groups<J, 1>(stored, whole, rows, keys, d, tables, sums, found);
  if (!Stored::any_missing(a, found)) return;
  for (int s = 0; s < keys; ++s)
    for (d = 0; d < depth; ++d)
      if (Stored::missing(a, rows[s][d]))
        for (int j = 0; j < J; ++j) sums[j][stored.place(d)] = std::numeric_limits<float>::quiet_NaN();
}

}  // namespace gaincell
