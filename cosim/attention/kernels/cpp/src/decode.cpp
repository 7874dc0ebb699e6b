// One query per head: how levels are found, and the choice of what is compiled for them.
#include "decode.h"

#include "kernels.h"

namespace gaincell {
namespace {

// Level of `x` as the loop over keys finds it.
template <bool Fused>
int level_of(const Volts<true, Fused>& volts, float x) {
  float row[kGroup];
  std::fill_n(row, kGroup, x);
  vi level[4], found{};
  volts.levels(row, level, found);
  return level[0][0] & (kEntries - 1);
}

template <bool Wide>
void decode_stored(const Problem& p, const Threads& threads, float* out) {
  if (p.first_cells.bytes)
    decode<Bytes<Wide>>(p, threads, out);
  else if (p.first_cells.level_scale > 0 && p.second_cells.level_scale > 0)
    decode<Volts<Wide, true>>(p, threads, out);
  else
    decode<Volts<Wide, false>>(p, threads, out);
}

}  // namespace

// A division takes as long as all the rest of a product. Where one multiply-add takes its place, rounding moves the
// steps between levels by a few units in the last place: so offsets are tried until one has every step where the
// division has it. Both ways rise with the volts, so that they then agree everywhere.
void prepare_decode(Array& a) {
  if (a.levels < 2 || a.levels >= kEntries) return;
  constexpr int kOffsets = 3;
  const Volts<true, false> divided(a);
  std::vector<std::pair<float, float>> steps;  // the largest number below a level, and the smallest one of it
  for (int level = 1; level < a.levels; ++level) {
    float below = a.low, above = a.high;
    for (float middle; (middle = below + (above - below) / 2) > below && middle < above;)
      (level_of(divided, middle) < level ? below : above) = middle;
    steps.emplace_back(below, above);
  }
  Array tried = a;
  tried.level_scale = (a.levels - 1) / a.span;
  const float offset = -a.low * tried.level_scale;
  const float finest = std::max(0x1p-26f, std::nextafter(std::abs(offset), INFINITY) - std::abs(offset));
  for (int j = -kOffsets; j <= kOffsets; ++j) {
    tried.level_offset = offset + j * finest;
    const Volts<true, true> direct(tried);
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
