// One query per head: how levels are found, and the choice of what is compiled for them.
#include "decode.h"

#include "kernels.h"

namespace gaincell {
namespace {

// Level of `x` as the loop over keys finds it.
template <int Products>
int level_of(const Volts<true, Products>& volts, float x) {
  float row[kGroup];
  std::fill_n(row, kGroup, x);
  vi level[4], found{};
  volts.levels(row, level, found);
  return level[0][0] & (kEntries - 1);
}

// The largest number below the given level, and the smallest one of it.
std::pair<float, float> ends_of_step(const Volts<true, 0>& volts, const Array& a, int level) {
  float below = a.low, above = a.high;
  for (float middle; (middle = below + (above - below) / 2) > below && middle < above;)
    (level_of(volts, middle) < level ? below : above) = middle;
  return {below, above};
}

template <bool Wide>
void decode_stored(const Problem& p, const Threads& threads, float* out) {
  const Array &keys = p.first_cells, &values = p.second_cells;
  if (keys.bytes)
    decode<Bytes<Wide>>(p, threads, out);
  else if (keys.level_first == 1 && values.level_first == 1)
    decode<Volts<Wide, 1>>(p, threads, out);
  else if (keys.level_first > 0 && values.level_first > 0)
    decode<Volts<Wide, 2>>(p, threads, out);
  else
    decode<Volts<Wide, 0>>(p, threads, out);
}

}  // namespace

// A division takes as long as all the rest of a product. Where volts are multiplied twice instead, rounding moves the
// steps between levels by a few units in the last place, in ways of its own for every pair of factors: so pairs are tried
// until one has every step where the division has it. Both ways rise with the volts, so that they then agree everywhere.
void prepare_decode(Array& a) {
  if (a.levels < 2 || a.levels >= kEntries) return;
  constexpr int kFactors = 2000, kOffsets = 3;
  const Volts<true, 0> divided(a);
  std::vector<std::pair<float, float>> steps;
  for (int level = 1; level < a.levels; ++level) steps.push_back(ends_of_step(divided, a, level));
  const float scale = (a.levels - 1) / a.span, offset = -a.low * scale;
  const float finest = std::max(0x1p-26f, std::nextafter(std::abs(offset), INFINITY) - std::abs(offset));
  Array tried = a;
  for (int i = 0; i < kFactors; ++i)
    for (int j = -kOffsets; j <= kOffsets; ++j) {
      tried.level_first = 1 + i * 0x1p-12f;
      tried.level_scale = scale / tried.level_first;
      tried.level_offset = offset + j * finest;
      const Volts<true, 2> direct(tried);
      int level = 0;
      while (level + 1 < a.levels && level_of(direct, steps[level].first) == level &&
             level_of(direct, steps[level].second) == level + 1)
        ++level;
      if (level + 1 < a.levels) continue;
      a = tried;
      return;
    }
}

bool decodes(const Problem& p) { return few_levels(p); }

void run_decode(const Problem& p, const Threads& threads, float* out) {
  if (std::max(p.first_cells.levels, p.second_cells.levels) > kNarrowEntries)
    decode_stored<true>(p, threads, out);
  else
    decode_stored<kNarrowEntries == kEntries>(p, threads, out);
}

}  // namespace gaincell
