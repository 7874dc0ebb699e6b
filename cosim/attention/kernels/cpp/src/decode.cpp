// One query per head: the loop over heads.
#include "decode.h"

#include "kernels.h"

namespace gaincell {

bool decodes(const Problem& p) { return few_levels(p); }

void run_decode(const Problem& p, const Threads& threads, float* out) {
  const auto runs = runs_of(p);
  threads.run(static_cast<int64_t>(p.batch) * p.kv_heads,
              [&](int64_t begin, int64_t end) { decode(p, runs, begin, end, out); });
}

}  // namespace gaincell
