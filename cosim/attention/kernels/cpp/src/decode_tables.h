// What decoding does with a row of stored elements: find their levels, look them up in a table of their key's age, and
// weigh them with pulses (first product) or add them up (second).
#pragma once

#include <type_traits>

#include "forward.h"

namespace gaincell {

constexpr int kEntries = 16;  // of a table: one for what is not a number, then the levels
constexpr int kResponses = 2, kMostTerms = 4;

// Where a table has a level; the last level stands for what is not a number.
template <class Stored>
inline int entry(const Array& a, int level) {
  return level < a.levels ? level + Stored::kFirst : Stored::kMissing;
}

// Responses by level at one age.
struct Tables {
  alignas(64) float of[kResponses][kEntries];
};

// Terms by level, every row as long as a vector. `Stored` says which entry is which level's.
struct Terms {
  int terms, ages;
  bool loaded;
  const float* factors;
  Buffer<float> rows;

  template <class Stored>
  Terms(const Array& a, const Stored&)
      : terms(a.terms),
        ages(a.ages),
        loaded(a.loaded),
        factors(a.factors),
        rows(static_cast<size_t>(a.channels()) * kEntries) {
    std::fill(rows.begin(), rows.end(), 0.0f);
    for (int c = 0; c < a.channels(); ++c)
      for (int level = 0; level <= a.levels; ++level)
        rows[c * kEntries + entry<Stored>(a, level)] = a.table[c * (a.levels + 1) + level];
  }
#if defined(__AVX512F__)
  __m512 row(int c) const { return _mm512_load_ps(rows.data() + c * kEntries); }
#endif
  // Responses of a key `age` tokens old times a weight: [0] charge, [1] loading.
  void at(int64_t age, float weight, Tables& tables) const {
    const float* factor = factors + age;
#if defined(__AVX512F__)
    __m512 sum = _mm512_mul_ps(row(0), _mm512_set1_ps(*factor));
    for (int c = 1; c < terms; ++c) sum = _mm512_fmadd_ps(row(c), _mm512_set1_ps(factor[c * ages]), sum);
    _mm512_store_ps(tables.of[0], _mm512_mul_ps(sum, _mm512_set1_ps(weight)));
    if (loaded) _mm512_store_ps(tables.of[1], _mm512_mul_ps(row(terms), _mm512_set1_ps(weight)));
#else
    for (int e = 0; e < kEntries; ++e) tables.of[0][e] = 0;
    for (int c = 0; c < terms; ++c)
      for (int e = 0; e < kEntries; ++e) tables.of[0][e] += weight * factor[c * ages] * rows[c * kEntries + e];
    for (int e = 0; e < kEntries && loaded; ++e) tables.of[1][e] = weight * rows[terms * kEntries + e];
#endif
  }
};

// Elements as volts. Read as entries of a table, sixteen in the low bits of each lane, or as levels.
template <bool FromZero>  // the lowest level is 0 V
struct Volts {
  using Element = float;
  static constexpr int kFirst = 1, kMissing = 0;
  static const float* elements(const Array& a) { return a.values; }
  static void levels(const Array& a, const float* row, Level* level) { levels_of(a, row, level); }
#if defined(__AVX512F__)
  __m512 low, high, span, per_span, steps, magic;
  explicit Volts(const Array& a)
      : low(_mm512_set1_ps(a.low)),
        high(_mm512_set1_ps(a.high)),
        span(_mm512_set1_ps(a.span)),
        per_span(_mm512_set1_ps(1 / a.span)),
        steps(_mm512_set1_ps(static_cast<float>(a.levels - 1))),
        magic(_mm512_set1_ps(kMagic + 1)) {}
  __m512i entries(const float* row) const { return entries_of(_mm512_loadu_ps(row)); }
  __m512i entries(const float* row, __mmask16 in) const { return entries_of(_mm512_maskz_loadu_ps(in, row)); }
  __m512i entries_of(__m512 x) const {
    x = _mm512_min_ps(high, _mm512_max_ps(low, x));
    if (!FromZero) x = _mm512_sub_ps(x, low);
    // x / span: the product with a reciprocal, corrected by the remainder, rounds as a division does (Markstein 1990)
    // in a quarter of its time. Rounded before the addition, see `levels_of`.
    const __m512 near = _mm512_mul_ps(x, per_span);
    const __m512 share = _mm512_fmadd_ps(_mm512_fnmadd_ps(near, span, x), per_span, near);
    const __m512 level = _mm512_roundscale_ps(_mm512_mul_ps(share, steps), _MM_FROUND_CUR_DIRECTION);
    return _mm512_castps_si512(_mm512_add_ps(level, magic));
  }
#else
  explicit Volts(const Array&) {}
#endif
};

// Elements as levels, a byte each; kNoLevel is not a number.
struct Bytes {
  using Element = uint8_t;
  static constexpr int kFirst = 0, kMissing = kNoLevel % kEntries;
  static const uint8_t* elements(const Array& a) { return a.bytes; }
  static void levels(const Array& a, const uint8_t* row, Level* level) {
    for (int d = 0; d < a.depth(); ++d) level[d] = static_cast<Level>(std::min<int>(row[d], a.levels));
    complete_levels(a, level);
  }
  explicit Bytes(const Array&) {}
#if defined(__AVX512F__)
  __m512i entries(const uint8_t* row) const {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
  }
  __m512i entries(const uint8_t* row, __mmask16 in) const {
    alignas(16) uint8_t held[16] = {};
    std::memcpy(held, row, __builtin_popcount(in));
    return entries(held);
  }
#endif
};

// Row of a key's stored elements.
template <class Stored>
inline const typename Stored::Element* row_of(const Array& a, int b, int head, int key) {
  return Stored::elements(a) + b * a.batch_stride + head * a.head_stride + key * a.key_stride;
}

#if defined(__AVX512F__)
// Blocks of sixteen elements, the last one perhaps not whole.
inline __mmask16 lanes(int depth, int d) {
  return depth - d < 16 ? static_cast<__mmask16>((1u << (depth - d)) - 1) : static_cast<__mmask16>(0xffff);
}

// Sums of sixteen rows of sixteen numbers.
inline __m512 sums_of_rows(const float* rows) {
  __m512 r[16];
  for (int i = 0; i < 16; ++i) r[i] = _mm512_load_ps(rows + 16 * i);
  for (int i = 0; i < 8; ++i)
    r[i] = _mm512_add_ps(_mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]), _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]));
  for (int i = 0; i < 4; ++i) {
    const __m512d a = _mm512_castps_pd(r[2 * i]), b = _mm512_castps_pd(r[2 * i + 1]);
    r[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  for (int i = 0; i < 2; ++i)
    r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(r[2 * i], r[2 * i + 1], 0x88),
                         _mm512_shuffle_f32x4(r[2 * i], r[2 * i + 1], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(r[0], r[1], 0x88), _mm512_shuffle_f32x4(r[0], r[1], 0xdd));
}

// First product of a run's keys from .. to - 1 with each side of the pulses (plus; minus, against complements where
// rows are mirrored): sums[side * kinds + kind][key], kinds being charge and loading. tables: of each key's age.
template <bool Loaded, bool Sides, class Stored>
inline void weigh_run(const Array& a, const Tables* tables, const Stored& stored, const typename Stored::Element* run,
                      int from, int to, const float* const* weights, float (*sums)[kTile]) {
  constexpr int kinds = Loaded ? 2 : 1, outputs = kinds * (Sides ? 2 : 1);
  alignas(64) float partial[outputs][kTile][16];
  const int depth = a.depth();
  const bool mirrored = a.mirrored;
  const int64_t stride = a.key_stride;
  const __m512i mirror = _mm512_set1_epi32(a.levels - 1 + 2 * Stored::kFirst);
  for (int s = from; s < to; ++s) {
    const auto* own = run + s * stride;
    fetch(own + kTile * stride, depth);
    __m512 table[kinds], sum[outputs];
    for (int kind = 0; kind < kinds; ++kind) table[kind] = _mm512_load_ps(tables[s].of[kind]);
    for (int o = 0; o < outputs; ++o) sum[o] = _mm512_setzero_ps();
    const auto block = [&](__mmask16 in, int d) {
      const __m512i l = in == 0xffff ? stored.entries(own + d) : stored.entries(own + d, in);
      const __m512 plus = _mm512_maskz_loadu_ps(in, weights[0] + d);
      for (int kind = 0; kind < kinds; ++kind)
        sum[kind] = _mm512_fmadd_ps(plus, _mm512_permutexvar_ps(l, table[kind]), sum[kind]);
      if (!Sides) return;
      // What is not a number has no complement (its entry's is empty); the other side's sum has it already.
      const __m512i other = mirrored ? _mm512_sub_epi32(mirror, l) : l;
      const __m512 minus = _mm512_maskz_loadu_ps(in, weights[1] + d);
      for (int kind = 0; kind < kinds; ++kind)
        sum[outputs - kinds + kind] =
            _mm512_fmadd_ps(minus, _mm512_permutexvar_ps(other, table[kind]), sum[outputs - kinds + kind]);
    };
    int d = 0;
    for (; d + 16 <= depth; d += 16) block(static_cast<__mmask16>(0xffff), d);
    if (d < depth) block(lanes(depth, d), d);
    for (int o = 0; o < outputs; ++o) _mm512_store_ps(partial[o][s], sum[o]);
  }
  for (int o = 0; o < outputs; ++o)
    for (int s = from / 16 * 16; s < to; s += 16) _mm512_store_ps(sums[o] + s, sums_of_rows(partial[o][s]));
}

// sums[j][d] += sum_i tables_i[j][level of rows_i[d]] for the keys that have a pulse; tables come weighted.
template <int J, int N, class Stored>
inline void gather_blocks(const Stored& stored, const typename Stored::Element* const* rows, int keys, int depth,
                          int first, const Tables* tables, float* const* sums) {
  __m512 sum[J][N];
  for (int j = 0; j < J; ++j)
    for (int n = 0; n < N; ++n) sum[j][n] = _mm512_setzero_ps();
  for (int s = 0; s < keys; ++s) {
    __m512 table[J];
    for (int j = 0; j < J; ++j) table[j] = _mm512_load_ps(tables[s].of[j]);
    for (int n = 0; n < N; ++n) {
      const auto* from = rows[s] + first + 16 * n;
      const __m512i l = N == 1 ? stored.entries(from, lanes(depth, first)) : stored.entries(from);
      for (int j = 0; j < J; ++j) sum[j][n] = _mm512_add_ps(sum[j][n], _mm512_permutexvar_ps(l, table[j]));
    }
  }
  for (int j = 0; j < J; ++j)
    for (int n = 0; n < N; ++n) {
      float* to = sums[j] + first + 16 * n;  // padded
      _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sum[j][n]));
    }
}

template <int J, class Stored>
inline void gather(const Array&, const Stored& stored, const typename Stored::Element* const* rows, int keys, int depth,
                   const Tables* tables, float* const* sums) {
  int d = 0;
  for (; d + 64 <= depth; d += 64) gather_blocks<J, 4>(stored, rows, keys, depth, d, tables, sums);
  for (; d + 32 <= depth; d += 32) gather_blocks<J, 2>(stored, rows, keys, depth, d, tables, sums);
  for (; d < depth; d += 16) gather_blocks<J, 1>(stored, rows, keys, depth, d, tables, sums);
}
#else
template <bool Loaded, bool Sides, class Stored>
inline void weigh_run(const Array& a, const Tables* tables, const Stored&, const typename Stored::Element* run,
                      int from, int to, const float* const* weights, float (*sums)[kTile]) {
  constexpr int kinds = Loaded ? 2 : 1;
  const int depth = a.depth();
  std::vector<Level> level(a.width);
  for (int s = from; s < to; ++s) {
    Stored::levels(a, run + s * a.key_stride, level.data());
    for (int o = 0; o < kinds * (Sides ? 2 : 1); ++o) {
      const int side = o / kinds;
      const Level* own = level.data() + (side && a.mirrored ? depth : 0);
      float sum = 0;
      for (int d = 0; d < depth; ++d) sum += weights[side][d] * tables[s].of[o % kinds][entry<Stored>(a, own[d])];
      sums[o][s] = sum;
    }
  }
}

template <int J, class Stored>
inline void gather(const Array& a, const Stored&, const typename Stored::Element* const* rows, int keys, int depth,
                   const Tables* tables, float* const* sums) {
  std::vector<Level> level(a.width);
  for (int s = 0; s < keys; ++s) {
    Stored::levels(a, rows[s], level.data());
    for (int j = 0; j < J; ++j)
      for (int d = 0; d < depth; ++d) sums[j][d] += tables[s].of[j][entry<Stored>(a, level[d])];
  }
}
#endif

}  // namespace gaincell
