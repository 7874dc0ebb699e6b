// From stored volts to the packed terms of a run of keys, and from their gradients back.
#pragma once

#include <bit>
#include <cmath>
#include <vector>

#include "ring.h"
#include "split.h"
#include "stage.h"

namespace gaincell {

// Adding it leaves a number's nearest whole one in the lowest bits.
constexpr float kMagic = 12582912.0f;

// Number of levels below volts inside the range, not yet rounded. The operations and their order are those of
// `levels_of` in levels.py: with others, volts midway between two levels go to the other one.
inline float height(const Array& a, float volts) { return (volts - a.low) / a.span * (a.levels - 1); }

// Level of the last column, which is no part of `values`.
inline int level_of_extra(const Array& a) { return static_cast<int>(std::nearbyint(height(a, a.extra))); }

// Levels of the complements and of the last column, from those of the elements.
inline void complete_levels(const Array& a, Level* __restrict level) {
  const int depth = a.depth();
  const Level levels = static_cast<Level>(a.levels);
  if (a.mirrored) {
    Level* __restrict complement = level + depth;
    for (int d = 0; d < depth; ++d) complement[d] = level[d] < levels ? levels - 1 - level[d] : levels;
  }
  if (a.has_extra) level[depth] = static_cast<Level>(level_of_extra(a));
}

// Level of every element of a row of keys; `levels` for what is not a number.
inline void levels_of(const Array& a, const float* __restrict volts, Level* __restrict level) {
  const float low = a.low, high = a.high, span = a.span, steps = a.levels - 1;
  const int depth = a.depth(), levels = a.levels;
  for (int d = 0; d < depth; ++d) {
    // As `height`. Rounded before the addition, which the compiler may otherwise fuse with the product.
    const float nearest = std::nearbyint((clip(volts[d], low, high) - low) / span * steps) + kMagic;
    level[d] =
        static_cast<Level>(nearest == nearest ? std::bit_cast<int>(nearest) - std::bit_cast<int>(kMagic) : levels);
  }
  complete_levels(a, level);
}

// A row of numbers by level.
class ByLevel {
 public:
  ByLevel(const float* table, int entries)
      : table_(table), small_(kTablesInRegisters && entries <= kEntries), row_(copy(table, entries)) {}
  float operator[](Level level) const { return table_[level]; }
  vf take(const Level* level) const {
    const vi at = widen(level);
    return small_ ? row_[at] : gather(table_, at);
  }

 private:
  const float* copy(const float* table, int entries) {
    std::fill_n(held_, kEntries, 0.0f);
    if (small_) std::copy_n(table, entries, held_);
    return held_;
  }
  const float* table_;
  bool small_;
  alignas(64) float held_[kEntries];
  Lookup<true> row_;
};

// What an exponential term's key has kept when its run's first key has kept 1.
inline float kept(const Array& a, int channel, int key) {
  return channel < a.terms && a.kinds[channel] == kExponential ? a.kept[channel * kTile + key] : 1.0f;
}

// How much of the sum a term can be, in charges or in gradients, decides how many of its digits matter: each part of a
// split number has 8 bits.
inline void count_parts(Array& a, int all) {
  std::fill_n(a.parts, kMostChannels, 1);
  for (int c = a.terms; c < a.channels(); ++c) a.parts[c] = std::max(1, all - all / 3);  // loading is a correction
  for (const float* table : {a.table, a.gradient}) {
    double size[kMostChannels], total = 0;
    for (int c = 0; c < a.terms; ++c) {
      double largest = 0, factor = 0;
      for (int l = 0; l < a.levels; ++l)
        largest = std::max(largest, std::abs(static_cast<double>(table[c * (a.levels + 1) + l])));
      for (int age = 0; age < a.ages; ++age)
        factor = std::max(factor, std::abs(static_cast<double>(a.factors[c * a.ages + age])));
      total += size[c] = largest * factor;
    }
    for (int c = 0; c < a.terms && total > 0; ++c)
      a.parts[c] = std::max(a.parts[c], all - static_cast<int>(std::log2(total / std::max(size[c], 1e-30)) / 8));
  }
}

inline const float* volts_of(const Array& a, int b, int head, int key) {
  return a.values + b * a.batch_stride + head * a.head_stride + key * a.key_stride;
}

// Where a channel of terms that come as they are begins; null for one that does not act in the gradient.
inline const float* channel_of(const Array& a, const float* terms, int channel) {
  if (terms == a.values || channel == a.terms) return a.values + channel * a.term_stride;
  return channel == a.bearer ? terms : nullptr;
}

// Levels of a run's elements, (kTile, padded width); kNothing where there is none.
[[gnu::noinline]] inline void read_levels(const Array& a, const Run& run, int b, int head, Level* level) {
  const int wide = padded(a.width);
  for (int s = 0; s < run.count; ++s) {
    Level* row = level + static_cast<size_t>(s) * wide;
    fetch(volts_of(a, b, head, run.first + s) + kAhead * a.key_stride, a.depth());
    levels_of(a, volts_of(a, b, head, run.first + s), row);
    std::fill(row + a.width, row + wide, kNothing);
  }
  std::fill(level + static_cast<size_t>(run.count) * wide, level + static_cast<size_t>(kTile) * wide, kNothing);
}

// Responses of a run, (channels, kTile, padded width), zero where there is no key.
[[gnu::noinline]] inline void responses(const Array& a, const float* tables, const Run& run, int b, int head,
                                        const Level* level, float* out) {
  const int wide = padded(a.width);
  for (int c = 0; c < a.channels(); ++c) {
    float* channel = out + static_cast<size_t>(c) * kTile * wide;
    const ByLevel table(tables + c * (a.levels + 1), a.levels ? a.levels + 1 : 0);
    for (int s = 0; s < run.count; ++s) {
      float* to = channel + static_cast<size_t>(s) * wide;
      if (a.levels) {
        const Level* own = level + static_cast<size_t>(s) * wide;
        int d = 0;
        for (; d + kLanes <= a.width; d += kLanes) store(to + d, table.take(own + d));
        for (; d < a.width; ++d) to[d] = table[own[d]];
      } else if (const float* term = channel_of(a, tables, c)) {
        std::copy_n(term + (volts_of(a, b, head, run.first + s) - a.values), a.width, to);
      } else {
        std::fill_n(to, a.width, 0.0f);
      }
      std::fill(to + a.width, to + wide, 0.0f);
    }
    std::fill(channel + static_cast<size_t>(run.count) * wide, channel + static_cast<size_t>(kTile) * wide, 0.0f);
  }
}

// Gradient of one key's volts: through each channel's slope, and through its complement.
inline void volts_gradient(const Array& a, const std::vector<ByLevel>& slopes, const float* scale, const float* volts,
                           const Level* level, const float* grad, size_t each, float* to) {
  const int depth = a.depth(), channels = a.channels();
  const float low = a.low, high = a.high;
  int d = 0;
  constexpr int n = 4;
  for (; d + n * kLanes <= depth; d += n * kLanes) {
    vf sum[n] = {};
    for (int c = 0; c < channels; ++c) {
      const ByLevel& slope = slopes[c];
      const vf by = broadcast(scale[c]);
      const float* own = grad + c * each + d;
      for (int i = 0; i < n; ++i) sum[i] += by * slope.take(level + d + i * kLanes) * load(own + i * kLanes);
      for (int i = 0; i < n && a.mirrored; ++i)
        sum[i] -= by * slope.take(level + depth + d + i * kLanes) * load(own + depth + i * kLanes);
    }
    for (int i = 0; i < n; ++i) {
      const vf x = load(volts + d + i * kLanes);
      store(to + d + i * kLanes, x < low || x > high ? vf{} : sum[i]);
    }
  }
  for (; d < depth; ++d) {
    float sum = 0;
    for (int c = 0; c < channels; ++c) {
      const float* own = grad + c * each + d;
      sum += scale[c] * (slopes[c][level[d]] * own[0] - (a.mirrored ? slopes[c][level[depth + d]] * own[depth] : 0.0f));
    }
    to[d] = inside(volts[d], low, high) ? sum : 0.0f;
  }
}

// Gradient of the volts (or terms) of the keys of a run, from that of the responses (channels, padded width, kTile) in
// multiples of `unit`.
[[gnu::noinline]] inline void responses_backward(const Array& a, const Run& run, int b, int head, const Level* level,
                                                 const float* turned, float unit, Buffer<float>& grad, float* out,
                                                 int64_t out_key, int64_t out_term) {
  const int wide = padded(a.width), channels = a.channels();
  const size_t each = static_cast<size_t>(kTile) * wide;
  grad.resize(channels * each);
  for (int c = 0; c < channels; ++c) transpose(grad.data() + c * each, wide, turned + c * each, kTile, wide, kTile);
  std::vector<ByLevel> slopes;
  for (int c = 0; c < channels && a.levels; ++c) slopes.emplace_back(a.slope + c * (a.levels + 1), a.levels + 1);
  for (int s = 0; s < run.count; ++s) {
    fetch(volts_of(a, b, head, run.first + s) + kAhead * a.key_stride, a.depth());
    fetch_to_write(out + (run.first + s + kAhead) * out_key, a.depth());
    float scale[kMostChannels];
    for (int c = 0; c < channels; ++c) scale[c] = unit * kept(a, c, s);
    const float* own = grad.data() + static_cast<size_t>(s) * wide;
    float* to = out + (run.first + s) * out_key;
    if (a.levels)
      volts_gradient(a, slopes, scale, volts_of(a, b, head, run.first + s), level + static_cast<size_t>(s) * wide, own,
                     each, to);
    else
      for (int c = 0; c < channels; ++c)
        for (int d = 0; d < a.width; ++d) to[c * out_term + d] = scale[c] * own[c * each + d];
  }
}

}  // namespace gaincell
