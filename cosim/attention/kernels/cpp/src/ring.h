// Where keys sit and which queries see them: runs of consecutive keys in the sub-tiles of a ring.
#pragma once

#include <algorithm>
#include <vector>

#include "problem.h"

namespace gaincell {

constexpr int kPhases = 2;

// Contiguous keys of one lap of the ring within one sub-tile.
struct Run {
  int first = 0, count = 0;
  int64_t position = 0;  // of its first key
  int tile = 0;
};

[[gnu::noinline]] inline std::vector<Run> runs_of(const Problem& p) {
  std::vector<Run> runs;
  for (int first = 0; first < p.keys;) {
    const int64_t position = p.key_start + first;
    const int64_t slot = p.window ? position % p.window : position;
    int64_t room = p.columns - slot % p.columns;
    if (p.window) room = std::min<int64_t>(room, p.window - slot);
    const int count = static_cast<int>(std::min<int64_t>({room, p.keys - first, kTile}));
    runs.push_back({first, count, position, static_cast<int>(slot / p.columns)});
    first += count;
  }
  return runs;
}

// A block of queries of one head.
struct Queries {
  int head = 0, first = 0;
  int rows = 0;
  int filled = 0;  // rows of the packed operands
  int64_t position[kTile];
  float bias[kPhases][kTile];  // charge that does not depend on the cells: edges, and what all cells have in common
};

// Queries of a block and keys of a run at the same positions: none of the first half sees any of the second.
inline bool diagonal(const Queries& block, const Run& run) {
  return block.position[0] == run.position && block.position[block.rows - 1] - block.position[0] == block.rows - 1;
}

// Which keys [from, to) of the run a row sees.
inline void seen(const Problem& p, const Run& run, int64_t position, int& from, int& to) {
  const int64_t newest = position - run.position, oldest = p.window ? newest - p.window + 1 : 0;
  from = static_cast<int>(std::min<int64_t>(std::max<int64_t>(oldest, 0), run.count));
  to = static_cast<int>(std::min<int64_t>(std::max<int64_t>(newest + 1, 0), run.count));
  if (to < from) to = from;
}

// Position of the oldest key that a query can see.
inline int64_t oldest_seen(const Problem& p, int64_t position) {
  return p.window ? position - p.window + 1 : p.key_start;
}

// Which of the runs of a sub-tile a block sees, oldest first.
[[gnu::noinline]] inline void visible(const Problem& p, const std::vector<Run>& runs, const std::vector<int>& members,
                                      const Queries& block, std::vector<int>& found) {
  const int64_t newest = block.position[block.rows - 1];
  const int64_t oldest = oldest_seen(p, block.position[0]);
  found.clear();
  for (int r : members)
    if (runs[r].position <= newest && runs[r].position + runs[r].count > oldest) found.push_back(r);
}

// Runs of every sub-tile that positions oldest .. newest can see.
[[gnu::noinline]] inline std::vector<std::vector<int>> sub_tiles(const std::vector<Run>& runs, int64_t oldest,
                                                                 int64_t newest) {
  std::vector<std::vector<int>> tiles;
  int lowest = runs.empty() ? 0 : runs[0].tile;
  for (const Run& run : runs) lowest = std::min(lowest, run.tile);
  for (int r = 0; r < static_cast<int>(runs.size()); ++r) {
    if (runs[r].position > newest || runs[r].position + runs[r].count <= oldest) continue;
    const int tile = runs[r].tile - lowest;
    if (static_cast<int>(tiles.size()) <= tile) tiles.resize(tile + 1);
    tiles[tile].push_back(r);
  }
  return tiles;
}

}  // namespace gaincell
