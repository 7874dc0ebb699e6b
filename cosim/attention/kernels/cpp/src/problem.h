// One attention operation as numbers. Charges are in full scales of their converter, ages in tokens.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace gaincell {

constexpr int kMaxOrder = 8;  // coefficients per row of a column model
constexpr int kMostChannels = 16;
using Level = uint16_t;
constexpr Level kNothing = 15;  // level of no element, beyond those of the tables that are looked up in registers
constexpr int kTile = 64;       // queries, and at most so many keys, that are worked on at a time

constexpr int kAllParts = 3, kGradientParts = 2;  // digits of split numbers; of those in gradients

inline int padded(int n) { return (n + 31) / 32 * 32; }

// Piecewise cubic converter, see converter_curve.py; no buckets: the ideal line.
struct Curve {
  int buckets = 0;
  float start = 0, per_bucket = 0;
  const float* knots = nullptr;  // [buckets]
  const float* rows = nullptr;   // [buckets][left and right of the knot][4]
};

// Q = A (1 + sum_ij c_ij (scale A)^i u^j), arguments clipped to the box.
struct Column {
  int order = 0;  // 0: none
  float scale = 1, a_low = 0, a_high = 0, u_low = 0, u_high = 0;
  float c[kMaxOrder][kMaxOrder] = {};
};

struct Stage {
  float low = 0;   // of the converter's clip to [low, 1]
  float edge = 0;  // charge per pulse
  Column column;
  Curve curve;
  const float* deviation = nullptr;  // a chip's offsets and gains
};

// How a term depends on age: not at all, by an exponential, which factorises into query and key, or by a table.
enum Factor : int32_t { kNone = 0, kExponential = 1, kTable = 2 };

// The cells of one array: sum_r factor_r(age) term_r.
struct Array {
  int terms = 0;
  int width = 0;                    // rows of the K array, columns of the V array
  bool loaded = false;              // a further term is the bit-line loading
  int levels = 0;                   // entries of `table`; 0: `values` holds the terms themselves
  const float* table = nullptr;     // [terms + loaded][levels + 1] response at each level, the last for NaN
  const float* slope = nullptr;     // the same, derivative by the volts asked for
  const float* gradient = nullptr;  // the same, response in the gradient of the pulses: `table`, or a surrogate
  int bearer = 0;                   // the term that a surrogate stands for, where it comes beside terms; see below
  float low = 0, high = 0;          // volts of the first and the last level
  float span = 0;                   // high - low, rounded once
  // Level = volts level_scale + level_offset, clipped and rounded, where that is the division's for all volts; else 0.
  float level_scale = 0, level_offset = 0;
  float constant = 0;               // response that is the same for every cell and does not age
  float gradient_constant = 0;      // its part in the gradient of the pulses
  // Volts (B, Hkv, S, depth), or terms (terms + loaded, B, Hkv, S, width). Then `table` is the same pointer, and
  // `gradient` too, or else (B, Hkv, S, width), what the one term that acts in the gradient of the pulses is there.
  const float* values = nullptr;
  const uint8_t* bytes = nullptr;  // levels (B, Hkv, S, depth) instead of volts; to decode only
  int64_t batch_stride = 0, head_stride = 0, key_stride = 0, term_stride = 0;
  bool mirrored = false;  // the upper half of the rows holds the complements
  float extra = 0;        // volts of a last column that is no part of `values`
  bool has_extra = false;
  const float* factors = nullptr;  // [terms][ages]
  const float* kept = nullptr;     // [terms][kTile]: what a key's exponential term loses less than a run's first key
  const int32_t* kinds = nullptr;  // [terms]: one of Factor
  int ages = 0;
  int parts[kMostChannels];  // digits that a term's products need, in units of `Split`

  int channels() const { return terms + (loaded ? 1 : 0); }
  int depth() const { return (mirrored ? width / 2 : width) - (has_extra ? 1 : 0); }
};

// Where a block of queries reads the keys, and what every query takes of it; see anchors.py.
constexpr int kMostAnchors = 4;
struct Anchors {
  int count = 0;                     // 0: every query reads the keys at their own ages
  const int32_t* offsets = nullptr;  // [count], tokens from the block's first query
  const float* shares = nullptr;     // [count][kTile]
  const float* factors = nullptr;    // [terms][ages] of the age `oldest` and of younger ones, without anchors too
  int ages = 0, oldest = 0;
};

struct Problem {
  int batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, depth = 0;
  int window = 0;  // 0: none
  int columns = 64;
  int64_t key_start = 0;
  const int64_t* query_position = nullptr;
  int64_t position_stride = 0;  // between batch entries; 0: the same for all
  int phases = 1;
  float retained = 1;
  int digits = 0;       // of split numbers, where products are computed with these
  int query_steps = 0;  // 0: pulses come as they are
  bool query_signed = false;
  int output_steps = 0;
  const float* pulses = nullptr;  // q (B, H, T, depth), or pulses (B, H, T, rows) where terms come as they are
  int64_t q_batch = 0, q_head = 0, q_row = 0;
  Array first_cells, second_cells;
  Anchors anchors;
  Stage first, second;
  int tiles = 0;  // sub-tiles that have a deviation
  // Which read-outs were not clipped, one bit each, (B, H, T, sub-tiles, flag_bytes); null where nobody asks.
  uint8_t* flags = nullptr;
  int flag_tiles = 0, first_tile = 0;

  int group() const { return heads / kv_heads; }
  int flag_bytes() const { return padded(second_cells.width) / 8; }
  // row: of the output.
  uint8_t* flags_of(size_t row, int tile) const {
    return flags + (row * flag_tiles + tile - first_tile) * flag_bytes();
  }
};

}  // namespace gaincell
