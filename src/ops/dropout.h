// Dropout as T5X does it: one mask per row, the same at every position (broadcast over the length
// axis). Masks are a pure function of counters, so batching and resuming cannot change them.
// `model` calls it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace regroup {

// Masks are drawn from (seed, step, position of the row, site).
struct DropoutOptions {
  double rate = 0;
  uint64_t seed = 0;
  uint64_t step = 0;  // so that a row seen again in a later epoch gets another mask
};

// [b, streams, width]: 0 with probability `rate`, else 1 / (1 - rate). Element (i, j, k) is the
// k-th draw of (seed, step, positions_b[i], site, stream j): independent of the other rows and of
// `width`. `site` numbers the places in the model, below 2^20; at most 4096 streams. Undefined if
// rate is 0.
at::Tensor DropoutMask(const DropoutOptions& options, const std::vector<uint64_t>& positions_b,
                       uint32_t site, int64_t streams, int64_t width, const at::TensorOptions& to);

}  // namespace regroup
