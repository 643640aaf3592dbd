// Activations of T5's feed-forward layer. `model` and `decode` call them.
#pragma once

#include <ATen/core/Tensor.h>

namespace regroup {

// gelu_tanh(x[..., :f]) * x[..., f:] for x [..., 2f]: both projections side by side, so that one
// matrix product makes them. Differentiable. [T5 1.1; Shazeer 2020, 2002.05202; HF gated-gelu]
at::Tensor GatedGelu(const at::Tensor& x_nf2);

}  // namespace regroup
