// What the operators call: the kernels, compiled without torch. Threads come from the caller.
#pragma once

#include <cstdint>
#include <functional>

#include "problem.h"

namespace gaincell {

using Share = std::function<void(int64_t begin, int64_t end)>;

// Threads that share `count` pieces of work.
struct Threads {
  int number = 1;
  void (*run)(int64_t count, const Share& share) = [](int64_t count, const Share& share) { share(0, count); };
};

// Where the gradients go, all float32 and contiguous.
struct Gradients {
  const float* out = nullptr;  // (B, H, T, width of the V array)
  float* pulses = nullptr;     // (B, H, T, depth)
  float* keys = nullptr;       // (B, Hkv, S, depth), or (channels, B, Hkv, S, width)
  float* values = nullptr;
};

// tiles: of split bfloat16 may be used where they suit; else single precision. out: (B, H, T, width).
void run_forward(Problem& p, bool tiles, const Threads& threads, float* out);
void run_backward(Problem& p, bool tiles, const Threads& threads, const Gradients& gradients);

// Whether `run_decode` computes this: one query, elements of few levels.
bool decodes(const Problem& p);
void prepare_decode(Array& a);  // finds `level_scale` and `level_offset`
void run_decode(const Problem& p, const Threads& threads, float* out);

}  // namespace gaincell
