// The terms of a sub-tile's runs as operands.
#pragma once

#include <vector>

#include "ages.h"
#include "cells.h"
#include "lookup.h"

namespace gaincell {

// Right operands by element (width, keys) and by key (keys, width). What a key's exponential has lost less than its
// run's first key scales the rows of those by key; of those by element it is left to the columns of the product.
template <class E>
struct Packed {
  Buffer<typename E::Element> data;
  Buffer<float> scratch, anchored;
  Buffer<Level> levels;  // (runs, kTile, padded width)
  int channels = 0, forms = 0;
  size_t each = 0, rows = 0;

  // by_element, by_key: tables of the responses, or where terms come as they are those or what acts for them; null for
  // none.
  void fill(const E& engine, const Array& a, const std::vector<Run>& runs, const std::vector<int>& members, int b,
            int head, const float* by_element, const float* by_key) {
    const int wide = padded(a.width);
    channels = a.channels();
    forms = (by_element ? 1 : 0) + (by_key ? 1 : 0);
    each = engine.right_size(wide, kTile);
    rows = static_cast<size_t>(kTile) * wide;
    data.resize(each * forms * channels * members.size());
    levels.resize(a.levels ? rows * members.size() : 0);
    for (size_t i = 0; i < members.size(); ++i) {
      const Run& run = runs[members[i]];
      if (a.levels) read_levels(a, run, b, head, levels.data() + i * rows);
      if constexpr (E::kSplit)
        if (a.levels && a.levels + 2 <= kCodes) {
          look_up(engine, a, i, by_element, by_key);
          continue;
        }
      respond(engine, a, i, run, b, head, by_element, by_key);
    }
  }

  const Level* levels_of_run(size_t member) const { return levels.data() + member * rows; }
  typename E::Element* at(size_t member, int channel, int form) {
    return data.data() + ((member * channels + channel) * forms + form) * each;
  }
  // Right operands of a run for a block of queries: the terms' own, or those of its anchors, which hold until the next
  // call.
  struct Operands {
    const typename E::Element *terms, *load;
    size_t each;
    int count;
    const typename E::Element* operator[](int channel) const { return channel < count ? terms + channel * each : load; }
  };
  Operands by_element(const Factors& factors, const Array& a, size_t member) {
    return operands(factors, a, member, 0, [&](const float* from, size_t term) {
      read_at_anchors<true>(factors, a.terms, from, term, padded(a.width), kTile, anchored.data(), each);
    });
  }
  Operands by_key(const Factors& factors, const Array& a, size_t member) {
    return operands(factors, a, member, forms - 1, [&](const float* from, size_t term) {
      read_at_anchors<false>(factors, a.terms, from, term, kTile, padded(a.width), anchored.data(), each);
    });
  }

 private:
  template <class Read>
  Operands operands(const Factors& factors, const Array& a, size_t member, int form, Read read) {
    const typename E::Element *own = at(member, 0, form), *load = at(member, a.terms, form);
    if constexpr (!E::kSplit)
      if (factors.anchored) {
        anchored.resize(each * factors.terms);
        read(own, forms * each);
        return {anchored.data(), load, each, factors.terms};
      }
    return {own, load, forms * each, factors.terms};
  }

  void respond(const E& engine, const Array& a, size_t member, const Run& run, int b, int head, const float* by_element,
               const float* by_key) {
    const int wide = padded(a.width);
    scratch.resize(channels * rows);
    if (by_element) responses(a, by_element, run, b, head, levels_of_run(member), scratch.data());
    for (int c = 0; c < channels && by_element; ++c)
      engine.pack_right_transposed(at(member, c, 0), scratch.data() + c * rows, wide, wide, kTile);
    if (by_key && by_key != by_element) responses(a, by_key, run, b, head, levels_of_run(member), scratch.data());
    for (int c = 0; c < channels && by_key; ++c)
      engine.pack_both(nullptr, at(member, c, forms - 1), scratch.data() + c * rows, wide, kTile, wide,
                       c < a.terms && a.kinds[c] == kExponential ? a.kept + c * kTile : nullptr);
  }

  using Table = PartsTable<kAllParts>;
  std::vector<Table> element_tables, key_tables;  // (channels), (channels, kTile)
  Buffer<Level> turned;

  // The same for few levels, without the responses themselves.
  void look_up(const E& engine, const Array& a, size_t member, const float* by_element, const float* by_key) {
    const int wide = padded(a.width);
    if (by_element) turn_levels(wide, levels_of_run(member));
    if (by_element && element_tables.empty())
      for (int c = 0; c < channels; ++c) element_tables.push_back(Table(a.levels + 1, row_of(a, by_element, c), 1));
    if (by_key && key_tables.empty())
      for (int c = 0; c < channels; ++c)
        for (int s = 0; s < kTile; ++s) key_tables.push_back(Table(a.levels + 1, row_of(a, by_key, c), kept(a, c, s)));
    for (int c = 0; c < channels; ++c) {
      const int parts = std::min(engine.digits, a.parts[c]);
      if (by_element) look_up_all(at(member, c, 0), turned.data(), rows, element_tables[c], parts);
      if (by_key)
        look_up_right(at(member, c, forms - 1), levels_of_run(member), kTile, wide, key_tables.data() + c * kTile,
                      parts);
    }
  }
  static const float* row_of(const Array& a, const float* tables, int channel) {
    return tables + channel * (a.levels + 1);
  }
  // As `Split::pack_right_transposed` lays them: pairs along the elements lie together already.
  void turn_levels(int wide, const Level* from) {
    turned.resize(rows);
    for (int s = 0; s < kTile; s += 16)
      for (int d = 0; d < wide; d += 32)
        transpose<Wide>(reinterpret_cast<float*>(turned.data() + static_cast<size_t>(d) * kTile + 2 * s), kTile,
                        reinterpret_cast<const float*>(from + static_cast<size_t>(s) * wide + d), wide / 2, 16, 16);
  }
};

}  // namespace gaincell
