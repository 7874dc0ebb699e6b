// From tensors and a circuit's number to a `Problem`.
#pragma once

#include <ATen/core/Dict.h>
#include <ATen/core/Tensor.h>

#include <cmath>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

#include "kernels.h"

namespace gaincell {

using at::Tensor;

constexpr int64_t kLargest = 0x7fffffff;  // as LAST_POSITION in ring.py

inline void require_range(const char* name, int64_t value, int64_t low, int64_t high = kLargest) {
  TORCH_CHECK_VALUE(low <= value && value <= high, name, "=", value, " must be between ", low, " and ", high);
}

using Tables = c10::Dict<std::string, Tensor>;
using Numbers = c10::Dict<std::string, double>;

// What description.py states of a circuit. Every value is read by its name; one that is missing, and one that nothing
// reads, is an error.
class Named {
  template <class Dict>
  static auto take(Dict& values, const std::string& name) {
    const auto found = values.find(name);
    TORCH_CHECK(found != values.end(), "the description of a circuit lacks ", name);
    auto value = found->value();
    values.erase(name);
    return value;
  }

 public:
  Named(const Tables& tables, const Numbers& numbers) : tables_(tables.copy()), numbers_(numbers.copy()) {}
  Tensor table(const std::string& name) { return take(tables_, name).contiguous(); }
  float number(const std::string& name) { return static_cast<float>(take(numbers_, name)); }
  int whole(const std::string& name, int64_t high = kLargest) {
    const double value = take(numbers_, name);
    require_range(name.c_str(), static_cast<int64_t>(value), 0, high);
    return static_cast<int>(value);
  }
  void require_all_read() const {
    for (const auto& left : tables_) TORCH_CHECK(false, "nothing reads the table ", left.key());
    for (const auto& left : numbers_) TORCH_CHECK(false, "nothing reads the number ", left.key());
  }

 private:
  Tables tables_;
  Numbers numbers_;
};

// Everything about a circuit that does not change from call to call: a problem without tensors, and the memory of its
// tables.
struct Circuit {
  Problem p;
  bool flags;

  Circuit(const Tables& tables, const Numbers& numbers) {
    Named read(tables, numbers);
    flags = read.whole("flags") != 0;
    p.columns = read.whole("columns");
    p.phases = read.whole("phases");
    p.retained = read.number("retained");
    p.query_steps = read.whole("query_steps");
    p.query_signed = read.whole("query_signed") != 0;
    p.output_steps = read.whole("output_steps");
    const float low = read.number("low"), high = read.number("high"), span = read.number("span");
    const Tensor factors = keep(read.table("factors"));
    const float* kept = floats(read.table("kept"));
    const int32_t* kinds = keep(read.table("kinds")).const_data_ptr<int32_t>();
    const int bearer = read.whole("bearer");
    const Tensor anchors = keep(read.table("anchor_factors")), offsets = keep(read.table("anchor_offsets"));
    p.anchors.count = static_cast<int>(offsets.numel());
    TORCH_CHECK(p.anchors.count <= kMostAnchors, "blocks have at most ", kMostAnchors, " anchors");
    p.anchors.offsets = offsets.const_data_ptr<int32_t>();
    p.anchors.shares = floats(read.table("anchor_shares"));
    p.anchors.factors = anchors.const_data_ptr<float>();
    p.anchors.ages = static_cast<int>(anchors.size(1));
    p.anchors.oldest = static_cast<int>(factors.size(1)) + kTile - 1;
    for (const auto& [side, a, stage] :
         {std::tuple("key_", &p.first_cells, &p.first), std::tuple("value_", &p.second_cells, &p.second)}) {
      const std::string of = side;
      a->terms = static_cast<int>(factors.size(0));
      a->ages = static_cast<int>(factors.size(1));
      a->factors = floats(factors);
      a->kept = kept;
      a->kinds = kinds;
      a->bearer = bearer;
      a->low = low, a->high = high, a->span = span;
      a->loaded = read.whole(of + "loaded") != 0;
      TORCH_CHECK(a->channels() <= kMostChannels, "cells have at most ", kMostChannels - 1, " terms, got ", a->terms);
      a->levels = read.whole(of + "levels", 0xffff);
      a->mirrored = read.whole(of + "mirrored") != 0;
      a->has_extra = read.whole(of + "has_extra") != 0;
      a->extra = read.number(of + "extra");
      a->constant = read.number(of + "constant");
      a->gradient_constant = read.number(of + "gradient_constant");
      a->table = floats(read.table(of + "table"));
      a->slope = floats(read.table(of + "slope"));
      a->gradient = floats(read.table(of + "gradient"));
      prepare_decode(*a);
      std::fill_n(a->parts, kMostChannels, kAllParts);
      stage->low = read.number(of + "pulse_low");
      stage->edge = read.number(of + "edge");
      read_column(read.table(of + "column"), stage->column);
      const Tensor knots = read.table(of + "knots");
      stage->curve = {static_cast<int>(knots.numel()), read.number(of + "curve_start"),
                      read.number(of + "curve_per_bucket"), floats(knots), floats(read.table(of + "curve"))};
    }
    read.require_all_read();
  }

 private:
  std::vector<Tensor> memory_;

  Tensor keep(const Tensor& table) { return memory_.emplace_back(table); }
  const float* floats(const Tensor& table) { return table.numel() ? keep(table).const_data_ptr<float>() : nullptr; }

  // table: scale, both ends of both boxes, and a square of coefficients; empty for none.
  static void read_column(const Tensor& table, Column& m) {
    if (table.numel() == 0) return;
    const double* from = table.const_data_ptr<double>();
    m.order = static_cast<int>(std::lround(std::sqrt(static_cast<double>(table.numel() - 5))));
    TORCH_CHECK(m.order <= kMaxOrder, "column models have at most ", kMaxOrder, " coefficients a row, got ", m.order);
    for (float* to : {&m.scale, &m.a_low, &m.a_high, &m.u_low, &m.u_high}) *to = static_cast<float>(*from++);
    for (int i = 0; i < m.order; ++i)
      for (int j = 0; j < m.order; ++j) m.c[i][j] = static_cast<float>(*from++);
  }
};

// Circuits by number, which the caller forgets. A running call keeps its own.
class Register {
 public:
  int64_t add(const Tables& tables, const Numbers& numbers) {
    auto circuit = std::make_shared<const Circuit>(tables, numbers);
    const std::lock_guard<std::mutex> lock(mutex_);
    known_[++last_] = std::move(circuit);
    return last_;
  }
  void remove(int64_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    known_.erase(number);
  }
  std::shared_ptr<const Circuit> get(int64_t number) {
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
  std::unordered_map<int64_t, std::shared_ptr<const Circuit>> known_;
  int64_t last_ = 0;
};

using Optional = std::optional<Tensor>;

// A problem with the memory that its pointers need.
struct Call {
  Problem p;
  Tensor q, k, v, position;
  std::shared_ptr<const Circuit> circuit;
  Tensor deviation[2], line[2];

  // Where the elements `x` of an array lie.
  void place(Array& a, const Tensor& x) {
    const int64_t off = a.levels ? 0 : 1;  // terms lead
    a.term_stride = off ? x.stride(0) : 0;
    a.batch_stride = x.stride(off);
    a.head_stride = x.stride(off + 1);
    a.key_stride = x.stride(off + 2);
    a.width = static_cast<int>(x.size(off + 3) * (a.mirrored ? 2 : 1) + (a.has_extra ? 1 : 0));
    if (x.scalar_type() == at::kByte)
      a.bytes = x.const_data_ptr<uint8_t>();
    else
      a.values = x.const_data_ptr<float>();
    if (!a.levels) a.table = a.gradient = a.values;
  }

  // What acts in the gradient for the terms `x`, which lie without gaps: so it lies as one of them does.
  void read_line(Array& a, const Tensor& x, const Tensor& given, Tensor& kept) {
    TORCH_CHECK(!a.levels && given.sizes() == x.sizes().slice(1), "a linear cell's charge comes beside terms like it");
    a.gradient = (kept = given.contiguous()).const_data_ptr<float>();
  }

  // off: dimensions of keys and values before the batch.
  void require_sizes(int64_t off, int64_t window, int64_t key_start) const {
    TORCH_CHECK_VALUE(q.dim() == 4 && k.dim() == 4 + off && v.dim() == 4 + off && position.dim() == 2,
                      "need q (B, H, T, D), k and v (B, Hkv, S, D) or (terms, B, Hkv, S, rows), position (B or 1, T)");
    for (const Tensor* x : {&q, &k, &v})
      for (const int64_t size : x->sizes()) require_range("a size", size, 0);
    require_range("window", window, 0);
    require_range("key_start", key_start, 0, kLargest - k.size(off + 2));
    // Terms lead: not as many of both arrays where only one of them has a column model.
    TORCH_CHECK_VALUE(k.sizes().slice(off, 3) == v.sizes().slice(off, 3) && k.size(off) == q.size(0) &&
                          k.size(off + 1) > 0 && q.size(1) % k.size(off + 1) == 0,
                      "queries ", q.sizes(), ", keys ", k.sizes(), " and values ", v.sizes(), " do not fit");
    TORCH_CHECK_VALUE((position.size(0) == 1 || position.size(0) == q.size(0)) && position.size(1) == q.size(2),
                      "positions ", position.sizes(), " do not fit queries ", q.sizes());
    const int64_t* at = position.const_data_ptr<int64_t>();
    for (int64_t t = 1; t < position.numel(); ++t)
      TORCH_CHECK_VALUE(t % position.size(1) == 0 || at[t] == at[t - 1] || at[t] == at[t - 1] + 1,
                        "positions of queries must go on by 0 or 1, got ", at[t - 1], " and ", at[t]);
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
    p = circuit->p;
    const int64_t off = p.first_cells.levels ? 0 : 1;
    require_sizes(off, window, key_start);
    TORCH_CHECK_VALUE(!off || (k.size(0) == p.first_cells.channels() && v.size(0) == p.second_cells.channels()),
                      "terms of keys and values must be those of the circuit, got ", k.size(0), " and ", v.size(0));
    p.batch = static_cast<int>(q.size(0));
    p.heads = static_cast<int>(q.size(1));
    p.queries = static_cast<int>(q.size(2));
    p.depth = static_cast<int>(q.size(3));
    p.kv_heads = static_cast<int>(k.size(off + 1));
    p.keys = static_cast<int>(k.size(off + 2));
    p.window = static_cast<int>(window);
    p.key_start = key_start;
    p.query_position = position.const_data_ptr<int64_t>();
    p.position_stride = position.size(0) > 1 ? position.size(1) : 0;
    p.pulses = q.const_data_ptr<float>();
    p.q_batch = q.stride(0);
    p.q_head = q.stride(1);
    p.q_row = q.stride(2);
    TORCH_CHECK(q.scalar_type() == at::kFloat && k.scalar_type() == v.scalar_type() &&
                    (off == 0 || k.scalar_type() == at::kFloat),
                "keys and values come both as numbers or both as levels");
    if (line_1 || line_2) k = k.contiguous(), v = v.contiguous();
    place(p.first_cells, k);
    place(p.second_cells, v);
    if (line_1) read_line(p.first_cells, k, *line_1, line[0]);
    if (line_2) read_line(p.second_cells, v, *line_2, line[1]);
    if (deviation_1) p.first.deviation = (deviation[0] = deviation_1->contiguous()).const_data_ptr<float>();
    if (deviation_2) {
      p.second.deviation = (deviation[1] = deviation_2->contiguous()).const_data_ptr<float>();
      p.tiles = static_cast<int>(deviation[1].size(1));
    }
  }

  bool empty() const { return p.batch == 0 || p.heads == 0 || p.queries == 0 || p.keys == 0; }
};

}  // namespace gaincell
