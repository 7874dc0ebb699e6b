// One query per head against its cache, without packing.
#pragma once

#include "block.h"

namespace gaincell {

inline bool decodes(const Problem&) { return false; }
inline void decode(const Problem&, int64_t, int64_t, float*) {}

}  // namespace gaincell
