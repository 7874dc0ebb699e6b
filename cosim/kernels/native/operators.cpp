// The operators that Python sees: unpack tensors, share the work between threads, differentiate.
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>
#include <torch/library.h>

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "backward.h"
#include "decode.h"

namespace gaincell {
namespace {

using at::Tensor;

constexpr int64_t kMostFlagTiles = 32;  // the same as in numbers.py

// Order of `tables`; see numbers.py.
enum {
  kKeyTable,
  kKeySlope,
  kKeyGradient,
  kValueTable,
  kValueSlope,
  kValueGradient,
  kFactors,
  kKept,
  kKinds,
  kCurve1,
  kBucket1,
  kCurve2,
  kBucket2,
  kTables
};
// Order of `shape`.
enum {
  kColumns,
  kPhasesAt,
  kQuerySteps,
  kQuerySigned,
  kOutputSteps,
  kMirrored,
  kHasExtra,
  kKeyLevels,
  kValueLevels,
  kTerms,
  kLoaded1,
  kLoaded2,
  kIntervals1,
  kIntervals2,
  kEngine,
  kFlags,
  kShape
};
// Start of `numbers`; then both column models.
enum {
  kRetained,
  kLow,
  kHigh,
  kExtra,
  kConstant1,
  kConstant2,
  kGradientConstant1,
  kGradientConstant2,
  kEdge1,
  kEdge2,
  kColumnModels
};

const float* floats(const Tensor& t) { return t.numel() ? t.const_data_ptr<float>() : nullptr; }

// Everything about a circuit that does not change from call to call.
struct Description {
  std::vector<Tensor> tables;
  std::vector<int64_t> shape;
  std::vector<double> numbers;
};

// Descriptions by number. They are few, and live as long as the hardware that they describe, or a graph that still
// wants their gradient.
class Register {
 public:
  int64_t add(Description description) {
    const std::lock_guard<std::mutex> lock(mutex_);
    known_[++last_] = std::make_shared<const Description>(std::move(description));
    return last_;
  }
  void remove(int64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = known_.find(number);
    if (found == known_.end()) return;
    leaving_[number] = found->second;
    known_.erase(found);
    std::erase_if(leaving_, [](const auto& entry) { return entry.second.expired(); });
  }
  std::shared_ptr<const Description> get(int64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto found = known_.find(number); found != known_.end()) return found->second;
    const auto found = leaving_.find(number);
    auto kept = found == leaving_.end() ? nullptr : found->second.lock();
    TORCH_CHECK(kept, "circuit ", number, " has been forgotten with its hardware");
    return kept;
  }
  static Register& global() {
    static Register instance;
    return instance;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, std::shared_ptr<const Description>> known_;
  std::unordered_map<int64_t, std::weak_ptr<const Description>> leaving_;
  int64_t last_ = 0;
};

// Keeps a description for a graph's backward pass.
struct Pin : torch::CustomClassHolder {
  explicit Pin(int64_t number) : description(Register::global().get(number)) {}
  std::shared_ptr<const Description> description;
};

using Optional = std::optional<Tensor>;

// A problem with the memory that its pointers need.
struct Call {
  Problem p;
  Tensor q, k, v, position;
  std::shared_ptr<const Description> circuit;
  Tensor deviation[2];

  const double* read_column(const double* from, Column& m) {
    m.order = static_cast<int>(*from++);
    TORCH_CHECK(m.order <= kMaxOrder, "column models have at most ", kMaxOrder, " coefficients a row, got ", m.order);
    if (m.order == 0) return from;
    for (float* to : {&m.scale, &m.a_low, &m.a_high, &m.u_low, &m.u_high}) *to = static_cast<float>(*from++);
    for (int i = 0; i < m.order; ++i)
      for (int j = 0; j < m.order; ++j) m.c[i][j] = static_cast<float>(*from++);
    return from;
  }

  void read_curve(Curve& c, int at, int64_t intervals) {
    c.count = static_cast<int>(intervals);
    if (c.count == 0) return;
    const auto& tables = circuit->tables;
    c.room = static_cast<int>(tables[at].size(1));
    c.rows = floats(tables[at]);
    c.low = c.rows[kStart * c.room];
    c.high = c.rows[kEnd * c.room + c.count - 1];
    c.buckets = static_cast<int>(tables[at + 1].numel());
    c.bucket = tables[at + 1].const_data_ptr<int32_t>();
  }

  void read_array(Array& a, const Tensor& x, bool first) {
    const auto& [tables, shape, numbers] = *circuit;
    a.terms = static_cast<int>(shape[kTerms]);
    a.loaded = shape[first ? kLoaded1 : kLoaded2] != 0;
    a.levels = static_cast<int>(shape[first ? kKeyLevels : kValueLevels]);
    a.table = floats(tables[first ? kKeyTable : kValueTable]);
    a.slope = floats(tables[first ? kKeySlope : kValueSlope]);
    a.gradient = floats(tables[first ? kKeyGradient : kValueGradient]);
    a.low = static_cast<float>(numbers[kLow]);
    a.high = static_cast<float>(numbers[kHigh]);
    TORCH_CHECK(a.channels() <= kMostChannels, "cells have at most ", kMostChannels - 1, " terms, got ", a.terms);
    std::fill_n(a.parts, kMostChannels, kAllParts);
    a.per_volt = a.levels ? levels_per_volt(a.low, a.high, a.levels) : 0.0f;
    a.constant = static_cast<float>(numbers[first ? kConstant1 : kConstant2]);
    a.gradient_constant = static_cast<float>(numbers[first ? kGradientConstant1 : kGradientConstant2]);
    a.mirrored = first && a.levels && shape[kMirrored];
    a.has_extra = !first && a.levels && shape[kHasExtra];
    a.extra = static_cast<float>(numbers[kExtra]);
    const int64_t off = a.levels ? 0 : 1;  // terms lead
    a.term_stride = off ? x.stride(0) : 0;
    a.batch_stride = x.stride(off);
    a.head_stride = x.stride(off + 1);
    a.key_stride = x.stride(off + 2);
    const int64_t depth = x.size(off + 3);
    a.width = static_cast<int>(depth * (a.mirrored ? 2 : 1) + (a.has_extra ? 1 : 0));
    a.values = x.const_data_ptr<float>();
    if (!a.levels) a.table = a.gradient = a.values;  // there is none; see `Packed::fill`
    a.factors = floats(tables[kFactors]);
    a.kept = floats(tables[kKept]);
    a.kinds = tables[kKinds].const_data_ptr<int32_t>();
    a.ages = static_cast<int>(tables[kFactors].size(1));
  }

  static Tensor rows(const Tensor& x) {
    Tensor y = x.scalar_type() == at::kFloat ? x : x.to(at::kFloat);
    return y.stride(-1) == 1 || y.numel() == 0 ? y : y.contiguous();
  }

  Call(const Tensor& q_in, const Tensor& k_in, const Tensor& v_in, const Tensor& position_in,
       const Optional& deviation_1, const Optional& deviation_2, int64_t number, int64_t window, int64_t key_start)
      : q(rows(q_in)),
        k(rows(k_in)),
        v(rows(v_in)),
        position(position_in.contiguous()),
        circuit(Register::global().get(number)) {
    const auto& [tables, shape, numbers] = *circuit;
    const int64_t off = shape[kKeyLevels] ? 0 : 1;
    p.batch = static_cast<int>(q.size(0));
    p.heads = static_cast<int>(q.size(1));
    p.queries = static_cast<int>(q.size(2));
    p.depth = static_cast<int>(q.size(3));
    p.kv_heads = static_cast<int>(k.size(off + 1));
    p.keys = static_cast<int>(k.size(off + 2));
    p.window = static_cast<int>(window);
    p.columns = static_cast<int>(shape[kColumns]);
    p.key_start = key_start;
    p.query_position = position.const_data_ptr<int64_t>();
    p.position_stride = position.size(0) > 1 ? position.size(1) : 0;
    p.phases = static_cast<int>(shape[kPhasesAt]);
    p.retained = static_cast<float>(numbers[kRetained]);
    p.query_steps = static_cast<int>(shape[kQuerySteps]);
    p.query_signed = shape[kQuerySigned] != 0;
    p.output_steps = static_cast<int>(shape[kOutputSteps]);
    p.pulses = q.const_data_ptr<float>();
    p.q_batch = q.stride(0);
    p.q_head = q.stride(1);
    p.q_row = q.stride(2);
    const double* from = numbers.data() + kColumnModels;
    from = read_column(from, p.first.column);
    from = read_column(from, p.second.column);
    read_array(p.first_cells, k, true);
    read_array(p.second_cells, v, false);
    p.first.edge = static_cast<float>(numbers[kEdge1]);
    p.second.edge = static_cast<float>(numbers[kEdge2]);
    p.first.low = 0;
    p.second.low = -1;
    read_curve(p.first.curve, kCurve1, shape[kIntervals1]);
    read_curve(p.second.curve, kCurve2, shape[kIntervals2]);
    if (deviation_1) p.first.deviation = floats(deviation[0] = deviation_1->contiguous());
    if (deviation_2) {
      p.second.deviation = floats(deviation[1] = deviation_2->contiguous());
      p.tiles = static_cast<int>(deviation[1].size(1));
    }
  }

  bool empty() const { return p.batch == 0 || p.heads == 0 || p.queries == 0 || p.keys == 0; }
};

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

// (B, H, T, width of the V array), float32, and flags of the read-outs that are not clipped, where asked for.
std::tuple<Tensor, Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& position,
                                     const Optional& deviation_1, const Optional& deviation_2, int64_t circuit,
                                     int64_t window, int64_t key_start, bool flagged) {
  Call call(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start);
  Problem& p = call.p;
  Tensor out = at::empty({p.batch, p.heads, p.queries, p.second_cells.width}, call.q.options().dtype(at::kFloat));
  int64_t first;
  const int64_t tiles =
      flagged && call.circuit->shape[kFlags] && p.second.deviation == nullptr ? flag_tiles(p, first) : 0;
  Tensor flags =
      at::empty({p.batch, p.heads, p.queries, tiles, tiles ? p.flag_bytes() : 0}, call.q.options().dtype(at::kByte));
  if (call.empty()) return {out.zero_(), flags};
  use_flags(p, flags);
  if (decodes(p) && !p.flags) {
    const auto runs = runs_of(p);
    at::parallel_for(0, static_cast<int64_t>(p.batch) * p.kv_heads, 1,
                     [&](int64_t begin, int64_t end) { decode(p, runs, begin, end, out.mutable_data_ptr<float>()); });
  } else {
    with_engine(p, engine_of(call),
                [&](auto engine) { run_forward<decltype(engine)>(p, out.mutable_data_ptr<float>()); });
  }
  return {out, flags};
}

std::tuple<Tensor, Tensor, Tensor> attention_backward(const Tensor& grad, const Tensor& flags, const Tensor& q,
                                                      const Tensor& k, const Tensor& v, const Tensor& position,
                                                      const Optional& deviation_1, const Optional& deviation_2,
                                                      int64_t circuit, int64_t window, int64_t key_start) {
  Call call(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start);
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
                                    const Optional& deviation_1, const Optional& deviation_2, int64_t circuit,
                                    int64_t window, int64_t key_start, bool flagged) {
  static auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("gaincell::attention", "")
          .typed<std::tuple<Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Optional&,
                                            const Optional&, int64_t, int64_t, int64_t, bool)>();
  return op.call(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start, flagged);
}

struct Attention : torch::autograd::Function<Attention> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& position, const Optional& deviation_1,
                                                const Optional& deviation_2, int64_t circuit, int64_t window,
                                                int64_t key_start) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto [out, flags] = dispatch(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start, true);
    ctx->save_for_backward({flags, q, k, v, position, deviation_1.value_or(Tensor()), deviation_2.value_or(Tensor())});
    ctx->mark_non_differentiable({flags});
    ctx->saved_data["circuit"] = circuit;
    ctx->saved_data["pin"] = c10::IValue::make_capsule(c10::make_intrusive<Pin>(circuit));
    ctx->saved_data["window"] = window;
    ctx->saved_data["key_start"] = key_start;
    return {out, flags};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    static auto op = c10::Dispatcher::singleton()
                         .findSchemaOrThrow("gaincell::attention_backward", "")
                         .typed<std::tuple<Tensor, Tensor, Tensor>(
                             const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                             const Optional&, const Optional&, int64_t, int64_t, int64_t)>();
    const auto saved = ctx->get_saved_variables();
    const auto optional = [&](int i) { return saved[i].defined() ? Optional(saved[i]) : Optional(); };
    auto [dq, dk, dv] = op.call(grads[0], saved[0], saved[1], saved[2], saved[3], saved[4], optional(5), optional(6),
                                ctx->saved_data["circuit"].toInt(), ctx->saved_data["window"].toInt(),
                                ctx->saved_data["key_start"].toInt());
    return {dq, dk, dv, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

std::tuple<Tensor, Tensor> attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& position,
                                              const Optional& deviation_1, const Optional& deviation_2, int64_t circuit,
                                              int64_t window, int64_t key_start, bool flagged) {
  if (!at::GradMode::is_enabled() || !(q.requires_grad() || k.requires_grad() || v.requires_grad())) {
    at::AutoDispatchBelowADInplaceOrView below;
    return dispatch(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start, flagged);
  }
  auto found = Attention::apply(q, k, v, position, deviation_1, deviation_2, circuit, window, key_start);
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
      "attention(Tensor q, Tensor k, Tensor v, Tensor position, Tensor? deviation_1, Tensor? deviation_2, int circuit, "
      "int window, int key_start, bool flagged) -> (Tensor, Tensor)");
  m.def(
      "attention_backward(Tensor grad, Tensor flags, Tensor q, Tensor k, Tensor v, Tensor position, Tensor? "
      "deviation_1, Tensor? deviation_2, int circuit, int window, int key_start) -> (Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(gaincell, CPU, m) {
  m.impl("attention", gaincell::attention);
  m.impl("attention_backward", gaincell::attention_backward);
}
TORCH_LIBRARY_IMPL(gaincell, Autograd, m) {
  m.impl("attention", gaincell::attention_autograd);
  m.impl("attention_backward", torch::autograd::autogradNotImplementedFallback());  // no second derivatives
}
