// From stored volts to the packed terms of a run of keys, and from their gradients back.
#pragma once

#include <bit>
#include <cmath>
#include <vector>

#include "gemm.h"
#include "lookup.h"
#include "ring.h"
#include "stage.h"

namespace gaincell {

// Adding it leaves a number's nearest whole one in the lowest bits.
constexpr float kMagic = 12582912.0f;

// (levels - 1) / (high - low), so that a multiplication may stand for the division. It cannot be exact; rounded to the
// side on which the middle of the range, where stored zeros lie, falls as a division rounds it: to the even level.
inline float levels_per_volt(float low, float high, int levels) {
  const double half = (static_cast<double>(high) - low) / 2, steps = levels - 1;
  float per_volt = static_cast<float>(steps / (2 * half));
  const bool up = (levels - 1) % 4 == 3;
  while (up ? per_volt * half <= steps / 2 : per_volt * half >= steps / 2)
    per_volt = std::nextafter(per_volt, up ? INFINITY : 0.0f);
  return per_volt;
}

// Level of the last column, which is no part of `values`.
inline int level_of_extra(const Array& a) {
  return static_cast<int>(std::nearbyint((a.extra - a.low) / (a.high - a.low) * (a.levels - 1)));
}

// Levels of the complements and of the last column, from those of the elements.
inline void complete_levels(const Array& a, int* __restrict level) {
  const int depth = a.depth(), levels = a.levels;
  if (a.mirrored) {
    int* __restrict complement = level + depth;
    for (int d = 0; d < depth; ++d) complement[d] = level[d] < levels ? levels - 1 - level[d] : levels;
  }
  if (a.has_extra) level[depth] = level_of_extra(a);
}

// Level of every element of a row of keys; `levels` for what is not a number.
inline void levels_of(const Array& a, const float* __restrict volts, int* __restrict level) {
  const float low = a.low, high = a.high, per_volt = a.per_volt;
  const int depth = a.depth(), levels = a.levels;
  for (int d = 0; d < depth; ++d) {
    const float x = clip(volts[d], low, high);
    const float nearest = (x - low) * per_volt + kMagic;
    level[d] = nearest == nearest ? std::bit_cast<int>(nearest) - std::bit_cast<int>(kMagic) : levels;
  }
  complete_levels(a, level);
}

// A row of numbers by level.
class ByLevel {
 public:
  ByLevel(const float* table, int entries) : table_(table) {
#if defined(__AVX512F__)
    small_ = entries <= 32;
    if (!small_) return;
    const auto part = [&](int first) {
      const int count = std::min(16, std::max(0, entries - first));
      return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), table + first);
    };
    low_ = part(0);
    high_ = part(16);
#endif
  }
  // out = scale * table[level]
  void operator()(const int* level, int n, float scale, float* out) const {
    int i = 0;
#if defined(__AVX512F__)
    if (small_) {
      const __m512 by = _mm512_set1_ps(scale);
      for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(out + i,
                         _mm512_mul_ps(by, _mm512_permutex2var_ps(low_, _mm512_loadu_si512(level + i), high_)));
    }
#endif
    for (; i < n; ++i) out[i] = scale * table_[level[i]];
  }

 private:
  const float* table_;
#if defined(__AVX512F__)
  bool small_ = false;
  __m512 low_, high_;
#endif
};

// What an exponential term's key has kept when its run's first key has kept 1.
inline float kept(const Array& a, int channel, int key) {
  return channel < a.terms && a.kinds[channel] == kExponential ? a.kept[channel * kTile + key] : 1.0f;
}

// How much of the sum a term can be decides how many of its digits matter: each part of a split number has 8 bits.
inline void count_parts(Array& a, int all) {
  double size[kMostChannels], total = 0;
  for (int c = 0; c < a.channels(); ++c) {
    double largest = 0, factor = 0;
    for (int l = 0; l < a.levels; ++l)
      largest = std::max(largest, std::abs(static_cast<double>(a.table[c * (a.levels + 1) + l])));
    for (int age = 0; age < a.ages && c < a.terms; ++age)
      factor = std::max(factor, std::abs(static_cast<double>(a.factors[c * a.ages + age])));
    size[c] = largest * factor;
    total += c < a.terms ? size[c] : 0;
  }
  for (int c = 0; c < a.channels(); ++c) {
    const int fewer = c < a.terms ? static_cast<int>(std::log2(total / std::max(size[c], 1e-30)) / 8)
                                  : all / 3;  // loading is a correction
    a.parts[c] = std::max(1, all - fewer);
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

// Responses of a run, (channels, kTile, padded width), zero where there is no key.
inline void responses(const Array& a, const float* tables, const Run& run, int b, int head, Buffer<int>& level,
                      float* out) {
  const int wide = padded(a.width);
  for (int c = 0; c < a.channels(); ++c) {
    float* to = out + static_cast<size_t>(c) * kTile * wide;
    for (int s = 0; s < run.count && a.width < wide; ++s) std::fill(to + s * wide + a.width, to + (s + 1) * wide, 0.0f);
    std::fill(to + run.count * wide, to + kTile * wide, 0.0f);
  }
  if (!a.levels) {
    for (int c = 0; c < a.channels(); ++c) {
      const float* channel = channel_of(a, tables, c);
      for (int s = 0; s < run.count; ++s) {
        float* to = out + (static_cast<size_t>(c) * kTile + s) * wide;
        if (!channel) {
          std::fill(to, to + a.width, 0.0f);
          continue;
        }
        const float* term = channel + (volts_of(a, b, head, run.first + s) - a.values);
        const float scale = kept(a, c, s);
        for (int d = 0; d < a.width; ++d) to[d] = scale * term[d];
      }
    }
    return;
  }
  level.resize(static_cast<size_t>(kTile) * wide);
  for (int s = 0; s < run.count; ++s) levels_of(a, volts_of(a, b, head, run.first + s), level.data() + s * wide);
  for (int c = 0; c < a.channels(); ++c) {
    const ByLevel table(tables + c * (a.levels + 1), a.levels + 1);
    for (int s = 0; s < run.count; ++s)
      table(level.data() + s * wide, a.width, kept(a, c, s), out + (static_cast<size_t>(c) * kTile + s) * wide);
  }
}

// The packed terms of a sub-tile's runs: right operands by element (width, keys) and by key (keys, width).
template <class E>
struct Packed {
  Buffer<typename E::Element> data;
  Buffer<float> scratch;
  Buffer<int> level;
  Buffer<uint16_t> codes;
  int channels = 0, forms = 0;
  size_t each = 0;

  // by_element, by_key: tables of the responses, or where terms come as they are those or what acts for them; null for
  // none.
  void fill(const Array& a, const std::vector<Run>& runs, const std::vector<int>& members, int b, int head,
            const float* by_element, const float* by_key) {
    const int wide = padded(a.width);
    channels = a.channels();
    forms = (by_element ? 1 : 0) + (by_key ? 1 : 0);
    each = E::right_size(wide, kTile);
    data.resize(each * forms * channels * members.size());
#ifdef GAINCELL_AMX
    if constexpr (E::kParts > 0) {
      if (a.levels && a.levels + 2 <= kCodes) return look_up(a, runs, members, b, head, by_element, by_key);
    }
#endif
    scratch.resize(static_cast<size_t>(channels) * kTile * wide);
    for (size_t i = 0; i < members.size(); ++i) {
      if (by_element) responses(a, by_element, runs[members[i]], b, head, level, scratch.data());
      for (int c = 0; c < channels; ++c) {
        const float* from = scratch.data() + static_cast<size_t>(c) * kTile * wide;
        if (by_element) E::pack_right_transposed(at(i, c, 0), from, wide, wide, kTile);
        if (by_key == by_element) E::pack_right(at(i, c, forms - 1), from, wide, kTile, wide);
      }
      if (!by_key || by_key == by_element) continue;
      responses(a, by_key, runs[members[i]], b, head, level, scratch.data());
      for (int c = 0; c < channels; ++c)
        E::pack_right(at(i, c, forms - 1), scratch.data() + static_cast<size_t>(c) * kTile * wide, wide, kTile, wide);
    }
  }
#ifdef GAINCELL_AMX
  // The same for few levels, without the responses themselves.
  void look_up(const Array& a, const std::vector<Run>& runs, const std::vector<int>& members, int b, int head,
               const float* by_element, const float* by_key) {
    const int wide = padded(a.width), entries = a.levels + 1;
    KeyTable<E::kParts> tables[kTile];
    const auto read = [&](const float* table, int c) {
      const __m512 row = _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << entries) - 1), table + c * entries);
      const bool shared = c >= a.terms || a.kinds[c] != kExponential;
      for (int s = 0; s < kTile; ++s)
        tables[s] = shared && s > 0 ? tables[0] : key_table<E::kParts>(row, kept(a, c, s));
    };
    for (size_t i = 0; i < members.size(); ++i) {
      read_codes(a, runs[members[i]], b, head);
      for (int c = 0; c < channels; ++c) {
        const int parts = std::min(E::kParts, a.parts[c]);
        if (by_element) {
          read(by_element, c);
          look_up_transposed(at(i, c, 0), codes.data(), wide, kTile, tables, parts);
        }
        if (!by_key) continue;
        if (by_key != by_element) read(by_key, c);
        look_up_right(at(i, c, forms - 1), codes.data(), kTile, wide, tables, parts);
      }
    }
  }
  // Levels of a run's elements, kNothing where there is none.
  void read_codes(const Array& a, const Run& run, int b, int head) {
    const int wide = padded(a.width);
    level.resize(wide);
    codes.resize(static_cast<size_t>(kTile) * wide);
    std::fill(level.begin() + a.width, level.end(), kNothing);
    for (int s = 0; s < run.count; ++s) {
      levels_of(a, volts_of(a, b, head, run.first + s), level.data());
      for (int d = 0; d < wide; ++d) codes[s * wide + d] = static_cast<uint16_t>(level[d]);
    }
    std::fill(codes.begin() + run.count * wide, codes.end(), kNothing);
  }
#endif

  typename E::Element* at(size_t member, int channel, int form) {
    return data.data() + ((member * channels + channel) * forms + form) * each;
  }
  const typename E::Element* by_element(size_t member, int channel) { return at(member, channel, 0); }
  const typename E::Element* by_key(size_t member, int channel) { return at(member, channel, forms - 1); }
};

// Gradient of the volts (or terms) of the keys, from that of the responses (channels, padded width, kTile) in
// multiples of `unit`.
inline void responses_backward(const Array& a, const Run& run, int b, int head, const float* turned, float unit,
                               Buffer<float>& grad, float* out, int64_t out_key, int64_t out_term) {
  const int wide = padded(a.width), depth = a.depth();
  grad.resize(static_cast<size_t>(a.channels()) * kTile * wide);
  for (int c = 0; c < a.channels(); ++c) {
    const size_t at = static_cast<size_t>(c) * kTile * wide;
    transpose(grad.data() + at, wide, turned + at, kTile, wide, kTile);
  }
  if (!a.levels) {
    for (int c = 0; c < a.channels(); ++c)
      for (int s = 0; s < run.count; ++s) {
        const float* g = grad.data() + (static_cast<size_t>(c) * kTile + s) * wide;
        float* to = out + (run.first + s) * out_key + c * out_term;
        const float scale = unit * kept(a, c, s);
        for (int d = 0; d < a.width; ++d) to[d] = scale * g[d];
      }
    return;
  }
  Buffer<int> level(wide);
  Buffer<float> slope(wide);
  std::vector<ByLevel> slopes;
  for (int c = 0; c < a.channels(); ++c) slopes.emplace_back(a.slope + c * (a.levels + 1), a.levels + 1);
  for (int s = 0; s < run.count; ++s) {
    const float* __restrict volts = volts_of(a, b, head, run.first + s);
    float* __restrict to = out + (run.first + s) * out_key;
    levels_of(a, volts, level.data());
    std::fill(to, to + depth, 0.0f);
    for (int c = 0; c < a.channels(); ++c) {
      const float* __restrict g = grad.data() + (static_cast<size_t>(c) * kTile + s) * wide;
      slopes[c](level.data(), a.width, unit * kept(a, c, s), slope.data());
      for (int d = 0; d < depth; ++d) to[d] += slope[d] * g[d];
      if (a.mirrored)
        for (int d = 0; d < depth; ++d) to[d] -= slope[depth + d] * g[depth + d];
    }
    const float low = a.low, high = a.high;
    for (int d = 0; d < depth; ++d) to[d] = inside(volts[d], low, high) ? to[d] : 0.0f;
  }
}

}  // namespace gaincell
