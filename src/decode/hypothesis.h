// What decoding a row gives. Engine returns it.
#pragma once

#include <cstdint>
#include <vector>

namespace regroup {

struct Hypothesis {
  std::vector<int32_t> ids;  // without the start token; ends with EOS if one was generated
  double score = 0;          // sum of log-probabilities / length norm of n, n with EOS
  bool at_length_limit = false;
  // With n_best > 1: the hypotheses behind this one, best first; fewer than n_best - 1 where the
  // search found fewer.
  std::vector<Hypothesis> others = {};
};

}  // namespace regroup
