// The kernels without torch, on circuits made up here: prints what they compute, for builds to be compared with each
// other. Built by test_portable.py for several instruction sets.
#include <cstdio>

#define GAINCELL_EMULATED_TILES 1

#include "emulated_tiles.h"

#include "decode.cpp"
#include "prefill.cpp"

using namespace gaincell;

namespace {

constexpr int kLevels = 8, kTerms = 3, kAges = 256, kSteps = 15;

// Uniform in [low, high), the same everywhere.
struct Draw {
  uint32_t state = 1;
  float operator()(float low, float high) {
    state = state * 1664525u + 1013904223u;
    return low + (high - low) * static_cast<float>(state >> 8) / 16777216.0f;
  }
  std::vector<float> many(size_t n, float low, float high) {
    std::vector<float> x(n);
    for (float& one : x) one = (*this)(low, high);
    return x;
  }
};

// Memory behind a problem.
struct Circuit {
  std::vector<float> table[2], slope[2], factors, kept, knots, curve, shares, anchored;
  std::vector<int32_t> kinds, offsets = {4, 32, 60};
  bool full;  // loading, column model, converter curve, complements and a last column; else ideal published cells

  Circuit(bool full, int depth, Draw& draw) : kinds(kTerms, full ? kTable : kExponential), full(full) {
    const int channels = kTerms + full;
    for (int i = 0; i < 2; ++i) {
      const float largest = i ? 0.04f : 1.6f / depth;  // most sums stay inside the converters' ranges
      table[i] = draw.many(channels * (kLevels + 1), -0.75f * largest, largest);
      slope[i] = draw.many(channels * (kLevels + 1), -0.1f, 0.1f);
    }
    for (int c = 0; c < kTerms; ++c)
      for (int age = 0; age < kAges; ++age) factors.push_back(std::exp(-1.6e-4f * (c + 1) * static_cast<float>(age)));
    for (int c = 0; c < kTerms; ++c)
      for (int s = 0; s < kTile; ++s) kept.push_back(full ? 1.0f : std::exp(1.6e-4f * (c + 1) * static_cast<float>(s)));
    // Three anchors and the parabola through them.
    for (int i = 0; i < 3; ++i)
      for (int t = 0; t < kTile; ++t) {
        float share = 1;
        for (int j = 0; j < 3; ++j)
          if (j != i) share *= static_cast<float>(t - offsets[j]) / (offsets[i] - offsets[j]);
        shares.push_back(share);
      }
    for (int c = 0; c < kTerms; ++c)
      for (int age = kAges + kTile - 1; age >= -2 * kTile; --age)
        anchored.push_back(std::exp(-1.6e-4f * (c + 1) * static_cast<float>(age)));
    // Two cubics that meet at 0.4, in sixteen buckets from 0 to 1 and one beyond either end.
    const float cubics[2][5] = {{0.4f, 0.3f, 1.2f, 0.8f, 0.9f}, {1.0f, 1.0f, 1.0f, -0.25f / 0.9f, 0}};
    for (int i = 0; i < 18; ++i) {
      const float left = (i - 1) / 16.0f;
      knots.push_back(i == 7 ? 7.4f : 1e30f);
      for (int side = 0; side < 2; ++side) {
        const float* c = cubics[i > 7 || (i == 7 && side)];
        const float d = left - c[0], w = 1 / 16.0f;
        for (float x : {c[1] + d * (c[2] + d * (c[3] + d * c[4])), w * (c[2] + d * (2 * c[3] + d * 3 * c[4])),
                        w * w * (c[3] + 3 * d * c[4]), w * w * w * c[4]})
          curve.push_back(x);
      }
    }
  }

  Problem problem(int depth, int queries, int keys, int window, const float* q, const float* k, const float* v,
                  const int64_t* position) const {
    Problem p;
    p.batch = 1, p.heads = 4, p.kv_heads = 2, p.queries = queries, p.keys = keys, p.depth = depth;
    p.window = window, p.query_position = position, p.query_steps = kSteps, p.query_signed = full, p.output_steps = 15;
    p.pulses = q, p.q_batch = 4 * queries * p.depth, p.q_head = queries * p.depth, p.q_row = p.depth;
    Array* arrays[2] = {&p.first_cells, &p.second_cells};
    for (int i = 0; i < 2; ++i) {
      Array& a = *arrays[i];
      a.terms = kTerms, a.levels = kLevels, a.loaded = full, a.ages = kAges;
      a.mirrored = full && i == 0, a.has_extra = full && i == 1, a.extra = 0.9f;
      a.width = p.depth * (1 + a.mirrored) + a.has_extra;
      a.table = a.gradient = table[i].data(), a.slope = slope[i].data();
      a.high = 0.9f, a.span = 0.9f, a.constant = a.gradient_constant = 0.4f / depth;
      a.factors = factors.data(), a.kept = kept.data(), a.kinds = kinds.data();
      a.values = i ? v : k, a.key_stride = p.depth, a.head_stride = keys * p.depth, a.batch_stride = 2 * a.head_stride;
      std::fill_n(a.parts, kMostChannels, kAllParts);
    }
    p.second.low = -1, p.first.edge = p.second.edge = full ? 0.04f / depth : 0.0f;
    const int anchors = full ? 0 : 3;
    p.anchors = {anchors, offsets.data(), shares.data(), anchored.data(), kAges + 3 * kTile, kAges + kTile - 1};
    if (!full) return p;
    for (Stage* stage : {&p.first, &p.second}) {
      Column& m = stage->column;
      m.order = 2, m.scale = 0.5f, m.a_low = -1, m.a_high = 1, m.u_low = -0.5f, m.u_high = 0.5f;
      m.c[0][1] = -0.3f, m.c[1][0] = 0.02f;
      stage->curve = {18, -1 / 16.0f, 16, knots.data(), curve.data()};
    }
    return p;
  }
};

void print(const char* what, const std::vector<float>& x) {
  std::printf("%s", what);
  for (float one : x) std::printf(" %.9g", one);
  std::printf("\n");
}

// tiles: see kernels.h.
void run(const char* name, bool full, int depth, int queries, int keys, int window, bool tiles = false) {
  Draw draw;
  const Circuit circuit(full, depth, draw);
  const size_t asked = static_cast<size_t>(4) * queries * depth, stored = static_cast<size_t>(2) * keys * depth;
  const auto q = draw.many(asked, full ? -1.1f : -0.1f, 1.1f), k = draw.many(stored, -0.1f, 1.0f),
             v = draw.many(stored, -0.1f, 1.0f);
  std::vector<int64_t> position;
  for (int t = 0; t < queries; ++t) position.push_back(keys - queries + t);
  Problem p = circuit.problem(depth, queries, keys, window, q.data(), k.data(), v.data(), position.data());
  std::vector<float> out(static_cast<size_t>(4) * queries * p.second_cells.width);
  std::printf("# %s\n", name);
  if (queries == 1) {
    run_decode(p, {}, out.data());
    print("divided", out);
    prepare_decode(p.first_cells), prepare_decode(p.second_cells);
    run_decode(p, {}, out.data());
    print("volts", out);
    std::vector<uint8_t> levels[2];
    for (int i = 0; i < 2; ++i)
      for (float volts : i ? v : k) levels[i].push_back(std::nearbyint(clip(volts, 0, 0.9f) * (kLevels - 1) / 0.9f));
    p.first_cells.bytes = levels[0].data(), p.second_cells.bytes = levels[1].data();
    run_decode(p, {}, out.data());
    return print("levels", out);
  }
  run_forward(p, tiles, {}, out.data());
  print("out", out);
  const auto grad = draw.many(out.size(), -1, 1);
  std::vector<float> dq(asked), dk(stored), dv(stored);
  const Gradients gradients{grad.data(), dq.data(), dk.data(), dv.data()};
  run_backward(p, tiles, {}, gradients);
  print("queries", dq), print("keys", dk), print("values", dv);
}

}  // namespace

int main() {
  for (bool full : {false, true}) {
    run(full ? "full prefill" : "ideal prefill", full, 40, 70, 150, 100);
    run(full ? "full prefill in tiles" : "ideal prefill in tiles", full, 40, 70, 150, 100, true);
    run(full ? "full decode" : "ideal decode", full, 40, 1, 150, 0);
  }
  run("wide prefill", true, 257, 5, 30, 0);
  run("wide decode", true, 257, 1, 30, 0);
}
