// Tile registers and bfloat16: instructions of x86 with AMX. This file and simd.h alone know of instruction sets.
#pragma once

#include <utility>

#include "simd.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define GAINCELL_TILES 1
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(GAINCELL_EMULATED_TILES)
#define GAINCELL_TILES 1
#endif

namespace gaincell {

typedef float Wide __attribute__((vector_size(64)));        // 16 numbers
typedef uint16_t Halves __attribute__((vector_size(64)));   // 32 numbers of 16 bits
typedef uint16_t HalfRow __attribute__((vector_size(32)));  // 16 of them
typedef uint32_t WideBits __attribute__((vector_size(64)));

#if defined(GAINCELL_TILES)
constexpr bool kTiles = true;
#else
constexpr bool kTiles = false;
#endif

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)

// Whether the kernel grants this process tile registers, for which it has to ask.
inline bool tiles_granted() {
  static const bool granted = syscall(SYS_arch_prctl, 0x1023, 18) == 0;
  return granted;
}
inline void use_tiles(const uint8_t* config) { _tile_loadconfig(config); }
inline void release_tiles() { _tile_release(); }
// Four tiles hold a block of 32 x 32 sums, rows `stride` bytes apart; two of each operand hold 32 x 32 numbers in
// bfloat16.
inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
inline void load_sums(const float* c, int64_t stride) {
  _tile_loadd(0, c, stride);
  _tile_loadd(1, c + 16, stride);
  _tile_loadd(2, c + 4 * stride, stride);
  _tile_loadd(3, c + 4 * stride + 16, stride);
}
inline void store_sums(float* c, int64_t stride) {
  _tile_stored(0, c, stride);
  _tile_stored(1, c + 16, stride);
  _tile_stored(2, c + 4 * stride, stride);
  _tile_stored(3, c + 4 * stride + 16, stride);
}
inline void load_left(const uint16_t* a, int64_t stride) {
  _tile_loadd(4, a, stride);
  _tile_loadd(5, a + 8 * stride, stride);
}
inline void add_products(const uint16_t* b, int64_t stride) {
  _tile_loadd(6, b, stride);
  _tile_loadd(7, b + 32, stride);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}
inline HalfRow to_bfloat16(Wide x) {
  return reinterpret_cast<HalfRow>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(x)));
}
inline Halves to_bfloat16(Wide low, Wide high) {
  return reinterpret_cast<Halves>(_mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(high), reinterpret_cast<__m512>(low)));
}
inline Halves look_up(Halves table, Halves index) {
  return reinterpret_cast<Halves>(
      _mm512_permutexvar_epi16(reinterpret_cast<__m512i>(index), reinterpret_cast<__m512i>(table)));
}

#else

// Elsewhere declared alone, for what is never called there; tests define them.
bool tiles_granted();
void use_tiles(const uint8_t* config);
void release_tiles();
void clear_sums();
void load_sums(const float* c, int64_t stride);
void store_sums(float* c, int64_t stride);
void load_left(const uint16_t* a, int64_t stride);
void add_products(const uint16_t* b, int64_t stride);
HalfRow to_bfloat16(Wide x);
Halves to_bfloat16(Wide low, Wide high);
Halves look_up(Halves table, Halves index);

#endif

template <class V>
inline V load_as(const void* from) {
  V x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
template <class V>
inline void store_as(void* to, V x) {
  std::memcpy(to, &x, sizeof x);
}
inline Wide from_bfloat16(HalfRow x) { return reinterpret_cast<Wide>(__builtin_convertvector(x, WideBits) << 16); }
inline HalfRow half_of(const Halves& x, int upper) {
  return load_as<HalfRow>(reinterpret_cast<const HalfRow*>(&x) + upper);
}

// Numbers of even and of odd side by side: those from `First` on of each.
template <int First, size_t... L>
inline Halves interleaved(Halves even, Halves odd, std::index_sequence<L...>) {
  return __builtin_shufflevector(even, odd, (First + L / 2 + 32 * (L % 2))...);
}
template <int First>
inline Halves interleaved(Halves even, Halves odd) {
  return interleaved<First>(even, odd, std::make_index_sequence<32>());
}

}  // namespace gaincell
