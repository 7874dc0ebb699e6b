// Forward and backward pass with the engine that suits the problem and the processor.
#include "backward.h"
#include "kernels.h"

namespace gaincell {
namespace {

// Calls `work` with the engine: tiles of split bfloat16 where pulses are whole numbers of steps and the processor has
// them. A converter's knee turns the fifth digit of a charge into the third of a slope: three parts.
template <class Work>
void with_engine(Problem& p, bool tiles, Work work) {
  if constexpr (kTiles)
    if (tiles && p.query_steps > 0 && p.query_steps <= 256 && tiles_granted()) {
      p.anchors.count = 0;
      p.digits = p.first.curve.buckets || p.second.curve.buckets ? 3 : 2;
      count_parts(p.first_cells, p.digits);
      count_parts(p.second_cells, p.digits);
      return work(Split(p.digits));
    }
  // With anchors, the operands of a block have the ages in them.
  static constexpr int32_t kAgeless[kMostChannels] = {};
  if (p.anchors.count) p.first_cells.kinds = p.second_cells.kinds = kAgeless;
  work(Plain());
}

template <class E>
void forward_with(const Problem& p, const Threads& threads, float* out) {
  const auto runs = runs_of(p);
  const Ages ages(p);
  const int64_t pairs = static_cast<int64_t>(p.batch) * p.kv_heads, blocks = (p.queries + kTile - 1) / kTile;
  const int64_t wanted = (2 * threads.number + pairs - 1) / pairs;
  const int64_t chunks = threads.number == 1 ? 1 : std::max<int64_t>(1, std::min(wanted, blocks / 4));
  threads.run(pairs * chunks, [&](int64_t begin, int64_t end) {
    Scratch<E> scratch(p);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t pair = i / chunks, chunk = i % chunks;
      const int first = static_cast<int>(chunk * blocks / chunks) * kTile;
      const int last = std::min(static_cast<int>((chunk + 1) * blocks / chunks) * kTile, p.queries);
      if (first < last)
        forward_heads<E>({p, runs, ages, static_cast<int>(pair / p.kv_heads), static_cast<int>(pair % p.kv_heads)},
                         first, last, scratch, out);
    }
  });
}

template <class E>
void backward_with(const Problem& p, const Threads& threads, const Gradients& gradients) {
  const auto runs = runs_of(p);
  const Ages ages(p);
  threads.run(static_cast<int64_t>(p.batch) * p.kv_heads, [&](int64_t begin, int64_t end) {
    BackwardScratch<E> scratch(p);
    for (int64_t i = begin; i < end; ++i)
      backward_heads<E>({p, runs, ages, static_cast<int>(i / p.kv_heads), static_cast<int>(i % p.kv_heads)}, scratch,
                        gradients);
  });
}

}  // namespace

void run_forward(Problem& p, bool tiles, const Threads& threads, float* out) {
  with_engine(p, tiles, [&](auto chosen) { forward_with<decltype(chosen)>(p, threads, out); });
}

void run_backward(Problem& p, bool tiles, const Threads& threads, const Gradients& gradients) {
  with_engine(p, tiles, [&](auto chosen) { backward_with<decltype(chosen)>(p, threads, gradients); });
}

}  // namespace gaincell
