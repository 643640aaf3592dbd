// Rounding results of fp64 arithmetic to the dtype of a checkpoint.
#pragma once

#include <ATen/core/Tensor.h>

namespace regroup {

// One rounding from fp64 to `dtype` (what has it already stays); ATen's own cast to 16 bits rounds
// twice, by way of fp32.
at::Tensor NarrowOnce(const at::Tensor& wide, at::ScalarType dtype);

}  // namespace regroup
