// The encoder of the inference engine. Rows stand one after another without padding, so no row's
// work or result depends on its neighbours' lengths. Engine calls it once per batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "decode/packed_weights.h"

namespace regroup {

// Neighbouring rows of the same length, as they lie in the packed token axis.
struct LengthRun {
  int64_t row = 0;  // first row
  int64_t rows = 0;
  int64_t length = 0;  // tokens of each row
  int64_t token = 0;   // first token of the first row
};
std::vector<LengthRun> FindLengthRuns(std::span<const std::vector<int32_t>> sources);

// Encoded tokens of all rows, one after another: [sum of lengths, d]. Final norm included.
at::Tensor EncodeRows(const PackedWeights& weights, std::span<const std::vector<int32_t>> sources);

}  // namespace regroup
