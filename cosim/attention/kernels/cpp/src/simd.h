// Vectors of the compiler, as wide as the machine that compiles.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace gaincell {

#if defined(__AVX512F__)
constexpr int kLanes = 16, kPanel = 4, kRows = 6;  // 24 of 32 registers accumulate
#elif defined(__AVX2__)
constexpr int kLanes = 8, kPanel = 2, kRows = 6;  // 12 of 16
#elif defined(__aarch64__)
constexpr int kLanes = 4, kPanel = 4, kRows = 6;  // 24 of 32
#else
constexpr int kLanes = 4, kPanel = 2, kRows = 4;  // 8 of 16
#endif

typedef float vf __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t vi __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef uint8_t vb __attribute__((vector_size(kLanes * sizeof(int32_t))));

// Memory on cache lines: rows that straddle two of them halve the speed of tile registers.
template <class T>
struct OnLines {
  using value_type = T;
  OnLines() = default;
  template <class U>
  OnLines(const OnLines<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
  template <class U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }  // numbers stay as they lie: every buffer is written first
  template <class U, class... Arguments>
  void construct(U* p, Arguments&&... arguments) {
    ::new (static_cast<void*>(p)) U(std::forward<Arguments>(arguments)...);
  }
  void deallocate(T* p, size_t) { ::operator delete(p, std::align_val_t(64)); }
  template <class U>
  bool operator==(const OnLines<U>&) const {
    return true;
  }
};
template <class T>
using Buffer = std::vector<T, OnLines<T>>;

// Asks for a row before it is needed, to be read or to be written. Locality: 3 for all caches, 2 for all but the first.
template <int Locality = 3, class Element>
inline void fetch(const Element* row, int depth) {
  constexpr int each = 64 / sizeof(Element);
  for (int d = 0; d < depth; d += each) __builtin_prefetch(row + d, 0, Locality);
}
inline void fetch_to_write(float* row, int depth) {
  for (int d = 0; d < depth; d += 16) __builtin_prefetch(row + d, 1);
}
constexpr int kAhead = 8;  // rows that are asked for in advance: memory is slower than what is done with one

inline vf load(const float* p) {
  vf x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
inline void store(float* p, vf x) { std::memcpy(p, &x, sizeof x); }
inline vf broadcast(float x) { return x - vf{}; }  // which compilers know to be x; of x + 0 they do not

// Rows of n numbers; n is a multiple of 16.
inline void scale_row(float by, const float* x, int n, float* out) {
  for (int i = 0; i < n; i += kLanes) store(out + i, broadcast(by) * load(x + i));
}
inline void add_row(const float* x, int n, float* out) {
  for (int i = 0; i < n; i += kLanes) store(out + i, load(out + i) + load(x + i));
}
inline void multiply_row(const float* x, int n, float* out) {
  for (int i = 0; i < n; i += kLanes) store(out + i, load(out + i) * load(x + i));
}

inline float sum_of_lanes(vf x) {
  float lane[kLanes];
  store(lane, x);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// Sum of n numbers, and how many are positive; n is a multiple of 16.
inline float sum_of(const float* x, int n) {
  vf sum{};
  for (int i = 0; i < n; i += kLanes) sum += load(x + i);
  return sum_of_lanes(sum);
}
inline float positive_of(const float* x, int n) {
  vf count{};
  for (int i = 0; i < n; i += kLanes) count += load(x + i) > 0 ? broadcast(1) : vf{};
  return sum_of_lanes(count);
}

inline vi bits_of(vf x) { return reinterpret_cast<vi>(x); }
inline vi subtract_bytes(vi x, vi y) { return reinterpret_cast<vi>(reinterpret_cast<vb>(x) - reinterpret_cast<vb>(y)); }
inline bool any_lane(vi x) {
  int32_t all = 0;
  for (int i = 0; i < kLanes; ++i) all |= x[i];
  return all != 0;
}

// x in [low, high]; what is not a number stays so.
inline vf clip_lanes(vf x, vf low, vf high) {
#if defined(__AVX512F__)
  return reinterpret_cast<vf>(_mm512_min_ps(reinterpret_cast<__m512>(high),
                                            _mm512_max_ps(reinterpret_cast<__m512>(low), reinterpret_cast<__m512>(x))));
#elif defined(__AVX2__)
  return _mm256_min_ps(high, _mm256_max_ps(low, x));
#else
  x = low > x ? low : x;
  return high < x ? high : x;
#endif
}

// Nearest whole numbers, ties to even; what is not a number stays so. A product before it is rounded first.
inline vf round_lanes(vf x) {
#if defined(__AVX512F__)
  return reinterpret_cast<vf>(_mm512_roundscale_ps(reinterpret_cast<__m512>(x), _MM_FROUND_CUR_DIRECTION));
#elif defined(__AVX2__)
  return _mm256_round_ps(x, _MM_FROUND_CUR_DIRECTION);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_nearbyintf(x[i]);
  return x;
#endif
}

inline vi clip_lanes(vi x, int low, int high) {
  x = x < low ? vi{} + low : x;
  return x > high ? vi{} + high : x;
}

// Rounded towards zero; what is not a number becomes any.
inline vi whole_lanes(vf x) { return __builtin_convertvector(x, vi); }

// Makes the compiler read indices from memory, which is one load each, rather than take them out of vectors.
template <size_t N>
inline void keep_in_memory(uint32_t (&index)[N]) {
  asm volatile("" : "+m"(index));
}

// row[index[i]] of every lane, for a vector or an array of indices.
template <class Index>
inline vf gather(const float* row, const Index& index) {
  vf found;
  for (int i = 0; i < kLanes; ++i) found[i] = row[index[i]];
  return found;
}

// Flags of eight numbers, one bit each: whether they are in [low, high].
constexpr int kFlagLanes = 8;
inline uint8_t inside_lanes(const float* x, float low, float high) {
#if defined(__AVX2__)
  const __m256 y = _mm256_loadu_ps(x);
  return static_cast<uint8_t>(~_mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(y, _mm256_set1_ps(low), _CMP_LT_OQ),
                                                               _mm256_cmp_ps(y, _mm256_set1_ps(high), _CMP_GT_OQ))));
#else
  unsigned bits = 0;
  for (int j = 0; j < 8; ++j) bits |= static_cast<unsigned>(!(x[j] < low) && !(x[j] > high)) << j;
  return static_cast<uint8_t>(bits);
#endif
}

inline void store_where(uint8_t flags, const float* x, float* out) {
  typedef float Eight __attribute__((vector_size(32)));
  typedef int32_t EightBits __attribute__((vector_size(32)));
  Eight y;
  std::memcpy(&y, x, sizeof y);
  y = (EightBits{1, 2, 4, 8, 16, 32, 64, 128} & flags) != 0 ? y : Eight{};
  std::memcpy(out, &y, sizeof y);
}

constexpr int kEntries = 16;  // of a table
#if defined(__AVX2__)
constexpr bool kTablesInRegisters = true;
#else
constexpr bool kTablesInRegisters = false;
#endif
#if defined(__AVX2__) && !defined(__AVX512F__)
constexpr int kNarrowEntries = 8;  // of a table that one register holds
#else
constexpr int kNarrowEntries = kEntries;
#endif

// Numbers times `by`, by the low bits of an index: three where a table is narrow, else four.
template <int Entries>
class Lookup {
 public:
#if defined(__AVX512F__)
  explicit Lookup(const float* row, float by = 1) : row_(broadcast(by) * load(row)) {}
  vf operator[](vi index) const {
    return reinterpret_cast<vf>(
        _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), reinterpret_cast<__m512>(row_)));
  }

 private:
  vf row_;
#elif defined(__AVX2__)
  static constexpr bool kWide = Entries > kNarrowEntries;
  explicit Lookup(const float* row, float by = 1)
      : low_(broadcast(by) * load(row)), high_(kWide ? broadcast(by) * load(row + kLanes) : vf{}) {}
  vf operator[](vi index) const {
    const __m256i at = reinterpret_cast<__m256i>(index);
    const vf low = _mm256_permutevar8x32_ps(low_, at);
    if (!kWide) return low;
    const __m256i upper = _mm256_slli_epi32(at, 28);  // the fourth bit becomes the sign
    return _mm256_blendv_ps(low, _mm256_permutevar8x32_ps(high_, at), _mm256_castsi256_ps(upper));
  }

 private:
  vf low_, high_;
#else
  explicit Lookup(const float* row, float by = 1) {
    for (int e = 0; e < Entries; e += kLanes) store(row_ + e, broadcast(by) * load(row + e));
  }
  vf operator[](vi index) const {
    vf found;
    for (int i = 0; i < kLanes; ++i) found[i] = row_[index[i] & (Entries - 1)];
    return found;
  }

 private:
  alignas(64) float row_[Entries];
#endif
};

// 16-bit numbers as indices.
inline vi widen(const uint16_t* from) {
#if defined(__AVX512F__)
  return reinterpret_cast<vi>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))));
#elif defined(__AVX2__)
  return reinterpret_cast<vi>(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
#else
  vi index;
  for (int i = 0; i < kLanes; ++i) index[i] = from[i];
  return index;
#endif
}

// One step of a transposition of rows `a` and `b`, which lie Distance rows apart: blocks of so many lanes change
// places.
template <int Distance, bool Upper, class V, size_t... L>
inline V exchanged(V a, V b, std::index_sequence<L...>) {
  constexpr int n = sizeof...(L);
  return __builtin_shufflevector(
      a, b, (Upper ? (L & Distance ? n + L : L + Distance) : (L & Distance ? n + L - Distance : L))...);
}
template <int Distance, bool Upper, class V>
inline V exchanged(V a, V b) {
  return exchanged<Distance, Upper>(a, b, std::make_index_sequence<sizeof(V) / sizeof(float)>());
}

// Transposes squares of Count rows and as many lanes.
template <int Count, int Distance = 1, class V>
inline void transpose_lanes(V* r) {
  for (int i = 0; i < Count; ++i)
    if (!(i & Distance)) {
      const V upper = exchanged<Distance, true>(r[i], r[i + Distance]);
      r[i] = exchanged<Distance, false>(r[i], r[i + Distance]);
      r[i + Distance] = upper;
    }
  if constexpr (2 * Distance < Count) transpose_lanes<Count, 2 * Distance>(r);
}

// Sums of kLanes rows of kLanes numbers.
template <int Distance = 1>
inline vf sums_of_rows(vf* r) {
  for (int i = 0; i < kLanes / 2 / Distance; ++i)
    r[i] = exchanged<Distance, false>(r[2 * i], r[2 * i + 1]) + exchanged<Distance, true>(r[2 * i], r[2 * i + 1]);
  if constexpr (2 * Distance < kLanes) return sums_of_rows<2 * Distance>(r);
  return r[0];
}
inline vf sums_of_rows(const float* rows) {
  vf r[kLanes];
  for (int i = 0; i < kLanes; ++i) r[i] = load(rows + i * kLanes);
  return sums_of_rows(r);
}

// Two vectors as one.
template <class V, size_t... L>
inline auto joined(V low, V high, std::index_sequence<L...>) {
  return __builtin_shufflevector(low, high, L...);
}
template <class V>
inline auto joined(V low, V high) {
  return joined(low, high, std::make_index_sequence<2 * sizeof(V) / sizeof(float)>());
}

// Four numbers of every lane: out[i] has the i-th from rows[place[lane]] on.
template <int Lanes = kLanes>
inline void gather_rows(const float* rows, const uint32_t* place, vf (&out)[4]) {
  typedef float Four __attribute__((vector_size(16)));
  typedef Four Anywhere __attribute__((aligned(4), may_alias));
  const auto of = [&](int lane) -> Four { return *reinterpret_cast<const Anywhere*>(rows + place[lane]); };
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    if constexpr (Lanes == 4)
      out[i] = of(i);
    else if constexpr (Lanes == 8)
      out[i] = joined(of(i), of(i + 4));
    else
      out[i] = joined(joined(of(i), of(i + 4)), joined(of(i + 8), of(i + 12)));
  }
  transpose_lanes<4>(out);
}

// dst (columns, rows of ldd) = transpose of src (rows, columns of lds), both counts multiples of the lanes of V.
template <class V = vf>
inline void transpose(float* dst, int ldd, const float* src, int lds, int rows, int columns) {
  constexpr int n = sizeof(V) / sizeof(float);
  for (int i = 0; i < rows; i += n)
    for (int j = 0; j < columns; j += n) {
      V r[n];
      for (int a = 0; a < n; ++a) std::memcpy(&r[a], src + static_cast<int64_t>(i + a) * lds + j, sizeof(V));
      transpose_lanes<n>(r);
      for (int a = 0; a < n; ++a) std::memcpy(dst + static_cast<int64_t>(j + a) * ldd + i, &r[a], sizeof(V));
    }
}

}  // namespace gaincell
