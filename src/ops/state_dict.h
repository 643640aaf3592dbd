// Tensors by name: weights, gradients and optimizer slots all travel in this form. Lowest room with
// tensors, used above.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace regroup {

using StateDict = std::map<std::string, at::Tensor>;

}  // namespace regroup
