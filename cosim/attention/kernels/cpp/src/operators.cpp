// The operators that Python sees: unpack tensors, share the work between threads, differentiate.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "backward.h"
#include "call.h"
#include "decode.h"

namespace gaincell {
namespace {

constexpr int64_t kMostFlagTiles = 32;  // the same as in numbers.py

int64_t engine_of(const Call& call) { return call.circuit->shape[kEngine]; }

// Calls `work` with the engine that suits: tiles of split bfloat16 where pulses are whole numbers of steps and the
// processor has them. A converter's knee turns the fifth digit of a charge into the third of a slope: three parts.
template <class Work>
void with_engine(Problem& p, int64_t engine, Work work) {
#ifdef GAINCELL_AMX
  if (engine == 0 && p.query_steps > 0 && p.query_steps <= 256 && tiles_granted()) {
    const int parts = p.first.curve.count || p.second.curve.count ? 3 : 2;
    count_parts(p.first_cells, parts);
    count_parts(p.second_cells, parts);
    return parts == 3 ? work(Split<3>()) : work(Split<2>());
  }
#endif
  work(Plain());
}

template <class E>
void run_forward(const Problem& p, float* out) {
  const auto runs = runs_of(p);
  const Ages age(p.first_cells, p.keys);
  const int64_t pairs = static_cast<int64_t>(p.batch) * p.kv_heads, blocks = (p.queries + kTile - 1) / kTile;
  const int64_t wanted = (2 * at::get_num_threads() + pairs - 1) / pairs;
  const int64_t chunks = at::get_num_threads() == 1 ? 1 : std::max<int64_t>(1, std::min(wanted, blocks / 4));
  at::parallel_for(0, pairs * chunks, 1, [&](int64_t begin, int64_t end) {
    Scratch<E> scratch(p);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t pair = i / chunks, chunk = i % chunks;
      const int first = static_cast<int>(chunk * blocks / chunks) * kTile;
      const int last = std::min(static_cast<int>((chunk + 1) * blocks / chunks) * kTile, p.queries);
      if (first < last)
        forward_heads<E>(p, runs, age, static_cast<int>(pair / p.kv_heads), static_cast<int>(pair % p.kv_heads), first,
                         last, scratch, out);
    }
  });
}

template <class E>
void run_backward(const Problem& p, const Gradients& gradients) {
  const auto runs = runs_of(p);
  const Ages age(p.first_cells, p.keys);
  at::parallel_for(0, static_cast<int64_t>(p.batch) * p.kv_heads, 1, [&](int64_t begin, int64_t end) {
    BackwardScratch<E> scratch(p);
    for (int64_t i = begin; i < end; ++i)
      backward_heads<E>(p, runs, age, static_cast<int>(i / p.kv_heads), static_cast<int>(i % p.kv_heads), scratch,
                        gradients);
  });
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
      flagged && p.keys > 0 && call.circuit->shape[kFlags] && p.second.deviation == nullptr ? flag_tiles(p, first) : 0;
  Tensor flags =
      at::empty({p.batch, p.heads, p.queries, tiles, tiles ? p.flag_bytes() : 0}, call.q.options().dtype(at::kByte));
  if (call.empty()) return {out.zero_(), flags};
  use_flags(p, flags);
  if (decodes(p) && !p.flags) {
    const auto runs = runs_of(p);
    at::parallel_for(0, static_cast<int64_t>(p.batch) * p.kv_heads, 1,
                     [&](int64_t begin, int64_t end) { decode(p, runs, begin, end, out.mutable_data_ptr<float>()); });
  } else {
    TORCH_CHECK(!p.first_cells.bytes, "stored levels are for decoding");
    with_engine(p, engine_of(call),
                [&](auto engine) { run_forward<decltype(engine)>(p, out.mutable_data_ptr<float>()); });
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
    with_engine(call.p, engine_of(call), [&](auto engine) { run_backward<decltype(engine)>(call.p, gradients); });
  }
  return {dq.to(q.scalar_type()), dk.to(k.scalar_type()), dv.to(v.scalar_type())};
}

std::tuple<Tensor, Tensor> dispatch(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& position,
                                    const Optional& deviation_1, const Optional& deviation_2, const Optional& line_1,
                                    const Optional& line_2, int64_t circuit, int64_t window, int64_t key_start,
                                    bool flagged) {
  static auto op = c10::Dispatcher::singleton()
                       .findSchemaOrThrow("gaincell::attention", "")
                       .typed<std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                                         const Optional&, const Optional&, const Optional&,
                                                         const Optional&, int64_t, int64_t, int64_t, bool)>();
  return op.call(q, k, v, position, deviation_1, deviation_2, line_1, line_2, circuit, window, key_start, flagged);
}

struct Attention : torch::autograd::Function<Attention> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& position, const Optional& deviation_1,
                                                const Optional& deviation_2, const Optional& line_1,
                                                const Optional& line_2, int64_t circuit, int64_t window,
                                                int64_t key_start) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [out, flags] =
        dispatch(q, k, v, position, deviation_1, deviation_2, line_1, line_2, circuit, window, key_start, true);
    ctx->save_for_backward({flags, q, k, v, position, deviation_1.value_or(Tensor()), deviation_2.value_or(Tensor()),
                            line_1.value_or(Tensor()), line_2.value_or(Tensor())});
    ctx->mark_non_differentiable({flags});
    ctx->saved_data["circuit"] = circuit;
    ctx->saved_data["pin"] = c10::IValue::make_capsule(c10::make_intrusive<Pin>(circuit));
    ctx->saved_data["window"] = window;
    ctx->saved_data["key_start"] = key_start;
    return {out, flags};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    static auto op =
        c10::Dispatcher::singleton()
            .findSchemaOrThrow("gaincell::attention_backward", "")
            .typed<std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                                      const Tensor&, const Tensor&, const Optional&, const Optional&,
                                                      const Optional&, const Optional&, int64_t, int64_t, int64_t)>();
    const auto saved = ctx->get_saved_variables();
    const auto optional = [&](int i) { return saved[i].defined() ? Optional(saved[i]) : Optional(); };
    auto [dq, dk, dv] = op.call(grads[0], saved[0], saved[1], saved[2], saved[3], saved[4], optional(5), optional(6),
                                optional(7), optional(8), ctx->saved_data["circuit"].toInt(),
                                ctx->saved_data["window"].toInt(), ctx->saved_data["key_start"].toInt());
    return {dq, dk, dv, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

std::tuple<Tensor, Tensor> attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& position,
                                              const Optional& deviation_1, const Optional& deviation_2,
                                              const Optional& line_1, const Optional& line_2, int64_t circuit,
                                              int64_t window, int64_t key_start, bool flagged) {
  if (!at::GradMode::is_enabled() || !(q.requires_grad() || k.requires_grad() || v.requires_grad())) {
    at::AutoDispatchBelowADInplaceOrView below;
    return dispatch(q, k, v, position, deviation_1, deviation_2, line_1, line_2, circuit, window, key_start, flagged);
  }
  auto found =
      Attention::apply(q, k, v, position, deviation_1, deviation_2, line_1, line_2, circuit, window, key_start);
  return {found[0], found[1]};
}

int64_t describe(at::TensorList tables, at::IntArrayRef shape, at::ArrayRef<double> numbers) {
  TORCH_CHECK(tables.size() == kTables && shape.size() == kShape,
              "operator and caller disagree; remove the build directory");
  return Register::global().add({tables.vec(), shape.vec(), numbers.vec()});
}

void forget(int64_t circuit) { Register::global().remove(circuit); }

}  // namespace
}  // namespace gaincell

TORCH_LIBRARY(gaincell, m) {
  m.def("describe(Tensor[] tables, int[] shape, float[] numbers) -> int", gaincell::describe);
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
TORCH_LIBRARY_IMPL(gaincell, Autograd, m) {
  m.impl("attention", gaincell::attention_autograd);
  m.impl("attention_backward", torch::autograd::autogradNotImplementedFallback());  // no second derivatives
}
