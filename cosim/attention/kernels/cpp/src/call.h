// From tensors and a circuit's number to a `Problem`.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "problem.h"

namespace gaincell {

using at::Tensor;

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
  kActing,
  kBearer,
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

// Descriptions by number, which the caller forgets. A running call keeps its own.
class Register {
 public:
  int64_t add(Description description) {
    const std::lock_guard<std::mutex> lock(mutex_);
    known_[++last_] = std::make_shared<const Description>(std::move(description));
    return last_;
  }
  void remove(int64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    known_.erase(number);
  }
  std::shared_ptr<const Description> get(int64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = known_.find(number);
    TORCH_CHECK(found != known_.end(), "circuit ", number, " has been forgotten with its hardware");
    return found->second;
  }
  static Register& global() {
    static Register instance;
    return instance;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, std::shared_ptr<const Description>> known_;
  int64_t last_ = 0;
};

constexpr int64_t kLargest = 0x7fffffff;  // the same as in description.py

inline void require_range(const char* name, int64_t value, int64_t low, int64_t high = kLargest) {
  TORCH_CHECK_VALUE(low <= value && value <= high, name, "=", value, " must be between ", low, " and ", high);
}

using Optional = std::optional<Tensor>;

// A problem with the memory that its pointers need.
struct Call {
  Problem p;
  Tensor q, k, v, position;
  std::shared_ptr<const Description> circuit;
  Tensor deviation[2], line[2];

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
    a.acting = static_cast<int>(shape[kActing]);
    a.loaded = shape[first ? kLoaded1 : kLoaded2] != 0;
    a.levels = static_cast<int>(shape[first ? kKeyLevels : kValueLevels]);
    a.table = floats(tables[first ? kKeyTable : kValueTable]);
    a.slope = floats(tables[first ? kKeySlope : kValueSlope]);
    a.gradient = floats(tables[first ? kKeyGradient : kValueGradient]);
    a.low = static_cast<float>(numbers[kLow]);
    a.high = static_cast<float>(numbers[kHigh]);
    TORCH_CHECK(a.channels() <= kMostChannels, "cells have at most ", kMostChannels - 1, " terms, got ", a.terms);
    std::fill_n(a.parts, kMostChannels, kAllParts);
    TORCH_CHECK(a.levels <= 0xffff, "cells hold at most ", 0xffff, " levels, got ", a.levels);
    a.span = static_cast<float>(numbers[kHigh] - numbers[kLow]);
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
    if (x.scalar_type() == at::kByte)
      a.bytes = x.const_data_ptr<uint8_t>();
    else
      a.values = x.const_data_ptr<float>();
    if (!a.levels) a.table = a.gradient = a.values;
    a.factors = floats(tables[kFactors]);
    a.kept = floats(tables[kKept]);
    a.kinds = tables[kKinds].const_data_ptr<int32_t>();
    a.ages = static_cast<int>(tables[kFactors].size(1));
  }

  // What acts in the gradient for the terms `x`, which lie without gaps: so it lies as one of them does.
  void read_line(Array& a, const Tensor& x, const Tensor& given, Tensor& kept) {
    TORCH_CHECK(!a.levels && given.sizes() == x.sizes().slice(1), "a linear cell's charge comes beside terms like it");
    a.gradient = floats(kept = given.contiguous());
    a.bearer = static_cast<int>(circuit->shape[kBearer]);
  }

  // off: dimensions of keys and values before the batch.
  void require_sizes(int64_t off, int64_t window, int64_t key_start) const {
    TORCH_CHECK_VALUE(q.dim() == 4 && k.dim() == 4 + off && v.dim() == 4 + off && position.dim() == 2,
                      "need q (B, H, T, D), k and v (B, Hkv, S, D) or (terms, B, Hkv, S, rows), position (B or 1, T)");
    for (const Tensor* x : {&q, &k, &v})
      for (const int64_t size : x->sizes()) require_range("a size", size, 0);
    require_range("window", window, 0);
    require_range("key_start", key_start, 0, kLargest - k.size(off + 2));
    TORCH_CHECK_VALUE(k.sizes().slice(0, 3 + off) == v.sizes().slice(0, 3 + off) && k.size(off) == q.size(0) &&
                          k.size(off + 1) > 0 && q.size(1) % k.size(off + 1) == 0,
                      "queries ", q.sizes(), ", keys ", k.sizes(), " and values ", v.sizes(), " do not fit");
    TORCH_CHECK_VALUE((position.size(0) == 1 || position.size(0) == q.size(0)) && position.size(1) == q.size(2),
                      "positions ", position.sizes(), " do not fit queries ", q.sizes());
  }

  static Tensor rows(const Tensor& x) {
    const bool ready = x.scalar_type() == at::kFloat || x.scalar_type() == at::kByte;
    Tensor y = ready ? x : x.to(at::kFloat);
    return y.stride(-1) == 1 || y.numel() == 0 ? y : y.contiguous();
  }

  Call(const Tensor& q_in, const Tensor& k_in, const Tensor& v_in, const Tensor& position_in,
       const Optional& deviation_1, const Optional& deviation_2, int64_t number, int64_t window, int64_t key_start,
       const Optional& line_1 = {}, const Optional& line_2 = {})
      : q(rows(q_in)),
        k(rows(k_in)),
        v(rows(v_in)),
        position(position_in.contiguous()),
        circuit(Register::global().get(number)) {
    const auto& [tables, shape, numbers] = *circuit;
    const int64_t off = shape[kKeyLevels] ? 0 : 1;
    require_sizes(off, window, key_start);
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
    TORCH_CHECK(q.scalar_type() == at::kFloat && k.scalar_type() == v.scalar_type() &&
                    (off == 0 || k.scalar_type() == at::kFloat),
                "keys and values come both as numbers or both as levels");
    if (line_1 || line_2) k = k.contiguous(), v = v.contiguous();
    read_array(p.first_cells, k, true);
    read_array(p.second_cells, v, false);
    if (line_1) read_line(p.first_cells, k, *line_1, line[0]);
    if (line_2) read_line(p.second_cells, v, *line_2, line[1]);
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

}  // namespace gaincell
