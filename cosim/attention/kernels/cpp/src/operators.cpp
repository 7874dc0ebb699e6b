// The operators that Python sees: unpack tensors, share the work between threads. Python differentiates.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "call.h"

namespace gaincell {
namespace {

constexpr int64_t kMostFlagTiles = 32;  // the same as in description.py

Threads threads() {
  return {at::get_num_threads(), [](int64_t count, const Share& share) { at::parallel_for(0, count, 1, share); }};
}

// Sub-tiles whose read-outs get flags; 0 for so many that computing them again is cheaper than keeping them.
int64_t flag_tiles(const Problem& p, int64_t& first) {
  first = p.window ? 0 : p.key_start / p.columns;
  const int64_t tiles =
      p.window ? (p.window + p.columns - 1) / p.columns : (p.key_start + p.keys - 1) / p.columns - first + 1;
  return tiles <= kMostFlagTiles ? tiles : 0;
}

void use_flags(Problem& p, const Tensor& flags) {
  if (flags.numel() == 0) return;
  int64_t first;
  p.flag_tiles = static_cast<int>(flag_tiles(p, first));
  p.first_tile = static_cast<int>(first);
  p.flags = static_cast<uint8_t*>(flags.data_ptr());
}

// (B, H, T, width of the V array), float32, and flags of the read-outs that are not clipped, where asked for. Lines,
// for the gradient alone: the charge (B, Hkv, S, width) that the surrogate takes for the terms of keys and values.
std::tuple<Tensor, Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& position,
                                     const Optional& deviation_1, const Optional& deviation_2, const Optional&,
                                     const Optional&, int64_t circuit, int64_t window, int64_t key_start,
                                     bool flagged) {
  Call call(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start);
  Problem& p = call.p;
  Tensor out = at::empty({p.batch, p.heads, p.queries, p.second_cells.width}, call.q.options().dtype(at::kFloat));
  int64_t first;
  const int64_t tiles =
      flagged && p.keys > 0 && call.circuit->flags && p.second.deviation == nullptr ? flag_tiles(p, first) : 0;
  Tensor flags =
      at::empty({p.batch, p.heads, p.queries, tiles, tiles ? p.flag_bytes() : 0}, call.q.options().dtype(at::kByte));
  if (call.empty()) return {out.zero_(), flags};
  use_flags(p, flags);
  if (decodes(p) && !p.flags) {
    run_decode(p, threads(), out.mutable_data_ptr<float>());
  } else {
    TORCH_CHECK(!p.first_cells.bytes, "stored levels are for decoding");
    run_forward(p, true, threads(), out.mutable_data_ptr<float>());
  }
  return {out, flags};
}

std::tuple<Tensor, Tensor, Tensor> attention_backward(const Tensor& grad, const Tensor& flags, const Tensor& q,
                                                      const Tensor& k, const Tensor& v, const Tensor& position,
                                                      const Optional& deviation_1, const Optional& deviation_2,
                                                      const Optional& line_1, const Optional& line_2, int64_t circuit,
                                                      int64_t window, int64_t key_start) {
  Call call(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start, line_1, line_2);
  TORCH_CHECK(!call.p.first_cells.bytes, "stored levels have no gradient");
  use_flags(call.p, flags);
  const auto options = call.q.options().dtype(at::kFloat);
  Tensor dq = at::empty(q.sizes(), options), dk = at::empty(k.sizes(), options), dv = at::empty(v.sizes(), options);
  if (call.empty()) {
    dq.zero_(), dk.zero_(), dv.zero_();
  } else {
    const Tensor grad_out = grad.to(at::kFloat).contiguous();
    const Gradients gradients{grad_out.const_data_ptr<float>(), dq.mutable_data_ptr<float>(),
                              dk.mutable_data_ptr<float>(), dv.mutable_data_ptr<float>()};
    run_backward(call.p, true, threads(), gradients);
  }
  return {dq.to(q.scalar_type()), dk.to(k.scalar_type()), dv.to(v.scalar_type())};
}

int64_t describe(const Tables& tables, const Numbers& numbers) { return Register::global().add(tables, numbers); }

void forget(int64_t circuit) { Register::global().remove(circuit); }

}  // namespace
}  // namespace gaincell

TORCH_LIBRARY(gaincell, m) {
  m.def("describe(Dict(str, Tensor) tables, Dict(str, float) numbers) -> int", gaincell::describe);
  m.def("forget(int circuit) -> ()", gaincell::forget);
  m.def(
      "attention(Tensor q, Tensor k, Tensor v, Tensor position, Tensor? deviation_1, Tensor? deviation_2, Tensor? "
      "line_1, Tensor? line_2, int circuit, int window, int key_start, bool flagged) -> (Tensor, Tensor)");
  m.def(
      "attention_backward(Tensor grad, Tensor flags, Tensor q, Tensor k, Tensor v, Tensor position, Tensor? "
      "deviation_1, Tensor? deviation_2, Tensor? line_1, Tensor? line_2, int circuit, int window, int key_start) -> "
      "(Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(gaincell, CPU, m) {
  m.impl("attention", gaincell::attention);
  m.impl("attention_backward", gaincell::attention_backward);
}
