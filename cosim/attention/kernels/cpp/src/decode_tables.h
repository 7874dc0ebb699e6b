// What decoding does with a row of stored elements: find their levels, look them up in a table of their key's age, and
// weigh them with pulses (first product) or add them up (second).
#pragma once

#include <cmath>
#include <limits>

#include "forward.h"

namespace gaincell {

constexpr int kResponses = 2, kMostTerms = 4;
constexpr int kGroup = 4 * kLanes;  // elements whose levels are found together

// Responses by level, in rows of `Entries`: charge at every age that occurs, and loading, which does not age. All heads
// share them.
template <int Entries>
struct Responses {
  Buffer<float> charge;
  alignas(64) float loading[Entries] = {};

  Responses(const Array& a, int64_t ages) : charge(static_cast<size_t>(ages) * Entries) {
    alignas(64) float rows[kMostTerms][Entries] = {};
    for (int c = 0; c < a.channels(); ++c)
      std::copy_n(a.table + c * (a.levels + 1), a.levels, c < a.terms ? rows[c] : loading);
    for (int64_t age = 0; age < ages; ++age)
      for (int e = 0; e < Entries; e += kLanes) {
        vf sum = broadcast(a.factors[age]) * load(rows[0] + e);
        for (int c = 1; c < a.terms; ++c) sum += broadcast(a.factors[c * int64_t{a.ages} + age]) * load(rows[c] + e);
        store(charge.data() + age * Entries + e, sum);
      }
  }
  const float* at(int64_t age) const { return charge.data() + age * Entries; }
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

// Elements as volts. A group's levels come in the order of the elements. Fused: a multiply-add finds a level, see
// `prepare_decode`; else a division.
template <bool Wide, bool Fused>
struct Volts {
  using Element = float;
  static constexpr int kEntries = Wide ? gaincell::kEntries : kNarrowEntries;
  vf scale, offset, low, high, span, steps, magic;
  float rest;
  explicit Volts(const Array& a)
      : scale(broadcast(a.level_scale)),
        offset(broadcast(a.level_offset)),
        low(broadcast(a.low)),
        high(broadcast(a.high)),
        span(broadcast(a.span)),
        steps(broadcast(static_cast<float>(a.levels - 1))),
        magic(broadcast(kMagic)),
        rest(a.low) {}
  static const float* elements(const Array& a) { return a.values; }
  static int place(int d) { return d; }
  static bool missing(const Array&, float x) { return x != x; }

  // Levels of a group, in the low bits. found: collects bits that `any_missing` looks at.
  void levels(const float* row, vi* level, vi& found) const {
    for (int i = 0; i < 4; ++i) {
      const vf x = load(row + i * kLanes);
      const vf height = Fused ? clip_lanes(x * scale + offset, vf{}, steps)
                              : round_lanes((clip_lanes(x, low, high) - low) / span * steps);
      level[i] = bits_of(height + magic);
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
  static constexpr int kEntries = Wide ? gaincell::kEntries : kNarrowEntries;
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
// rows are mirrored): sums[side * kinds + kind][key], kinds being charge and loading. age: of the run's first key.
// weights: pulses at the places of their elements.
template <bool Loaded, bool Sides, class Stored>
inline void weigh_run(const Array& a, const Responses<Stored::kEntries>& responses, int64_t age, const Stored& stored,
                      Rows<typename Stored::Element>& rows, const typename Stored::Element* run, int from, int to,
                      const float* const* weights, float (*sums)[kTile]) {
  constexpr int kinds = Loaded ? 2 : 1, outputs = kinds * (Sides ? 2 : 1);
  constexpr int chains = outputs == 1 ? 2 : 1;  // of additions, which would wait for each other
  alignas(64) float partial[outputs][kTile][kLanes];
  const int depth = a.depth(), groups = rows.groups(depth);
  const bool mirrored = a.mirrored;
  const vi last = vi{} + (a.levels - 1);
  const Lookup<Stored::kEntries> loading(responses.loading);
  vi found{};
  for (int s = from; s < to; ++s) {
    const auto* own = rows(run + s * a.key_stride);
    fetch<2>(run + (s + kAhead) * a.key_stride, depth);
    const Lookup<Stored::kEntries> charge(responses.at(age - s));
    vf sum[outputs][chains] = {};
    for (int d = 0; d < groups; d += kGroup) {
      vi level[4], other[4];
      stored.levels(own + d, level, found);
      if (Sides && mirrored) stored.complements(level, last, other);
      for (int i = 0; i < 4; ++i) {
        const vf plus = load(weights[0] + d + i * kLanes);
        sum[0][i % chains] += plus * charge[level[i]];
        if (Loaded) sum[kinds - 1][0] += plus * loading[level[i]];
        if (!Sides) continue;
        const vi at = mirrored ? other[i] : level[i];
        const vf minus = load(weights[1] + d + i * kLanes);
        sum[outputs - kinds][0] += minus * charge[at];
        if (Loaded) sum[outputs - 1][0] += minus * loading[at];
      }
    }
    for (int o = 0; o < outputs; ++o) store(partial[o][s], chains == 2 ? sum[o][0] + sum[o][chains - 1] : sum[o][0]);
  }
  for (int o = 0; o < outputs; ++o)
    for (int s = from / kLanes * kLanes; s < to; s += kLanes) store(sums[o] + s, sums_of_rows(partial[o][s]));
  if (!Stored::any_missing(a, found)) return;
  for (int s = from; s < to; ++s)
    for (int d = 0; d < depth; ++d)
      if (Stored::missing(a, run[s * a.key_stride + d]))
        for (int o = 0; o < outputs; ++o) sums[o][s] = std::numeric_limits<float>::quiet_NaN();
}

// The keys of a run that have a pulse.
template <class Stored>
struct Pulsed {
  int run = 0, count = 0;
  bool last = false;  // run of its sub-tile
  float common = 0;   // charge that every column gets
  const typename Stored::Element* rows;  // of the run
  const float* responses;                // charge by level of the run's first key
  int key[kTile];
  float pulse[kTile];

  const float* response(int i) const { return responses - key[i] * Stored::kEntries; }
};

// sums[j][place of d] += sum_i pulse_i response_i[j][level of rows_i[d]] for N groups of elements; j: charge, loading.
template <int J, int N, class Stored>
inline void gather_groups(const Stored& stored, Rows<typename Stored::Element>& whole, const Pulsed<Stored>& keys,
                          int64_t stride, const float* loading, int first, float* const* sums, vi& found) {
  vf sum[J][4 * N] = {};
  for (int s = 0; s < keys.count; ++s) {
    const auto* own = whole(keys.rows + keys.key[s] * stride) + first;
    const Lookup<Stored::kEntries> charge(keys.response(s), keys.pulse[s]), load(loading, keys.pulse[s]);
    for (int n = 0; n < N; ++n) {
      vi level[4];
      stored.levels(own + n * kGroup, level, found);
      for (int i = 0; i < 4; ++i) sum[0][4 * n + i] += charge[level[i]];
      for (int i = 0; i < 4 && J == 2; ++i) sum[J - 1][4 * n + i] += load[level[i]];
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
                   const Pulsed<Stored>& keys, const float* loading, float* const* sums) {
  constexpr int together = J == 1 && kLanes == 8 ? 2 : 1;  // eight sums, which fit into registers
  const int depth = a.depth(), groups = whole.groups(depth);
  vi found{};
  int d = 0;
  for (; d + together * kGroup <= groups; d += together * kGroup)
    gather_groups<J, together>(stored, whole, keys, a.key_stride, loading, d, sums, found);
  for (; together > 1 && d < groups; d += kGroup)
    gather_groups<J, 1>(stored, whole, keys, a.key_stride, loading, d, sums, found);
  if (!Stored::any_missing(a, found)) return;
  for (int s = 0; s < keys.count; ++s)
    for (d = 0; d < depth; ++d)
      if (Stored::missing(a, keys.rows[keys.key[s] * a.key_stride + d]))
        for (int j = 0; j < J; ++j) sums[j][stored.place(d)] = std::numeric_limits<float>::quiet_NaN();
}

}  // namespace gaincell
