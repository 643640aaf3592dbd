// T5's layer norm: root mean square, no centring, no bias. `model` calls it.
#pragma once

#include <ATen/core/Tensor.h>

namespace regroup {

// x [..., d], weight [d]: x * rsqrt(mean(x^2) + eps), cast to x's type, times weight. The mean is
// in fp32 (fp64 for double). Gradients of both are computed. [Hugging Face T5LayerNorm; RMSNorm,
// Zhang & Sennrich 2019]
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace regroup
