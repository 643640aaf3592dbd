// What encoder and decoder of the inference engine share: RMS norm and the feed-forward sublayer,
// without gradients and with few passes over memory (ops has the differentiable forms). Parity:
// Hugging Face T5LayerNorm and T5DenseActDense / T5DenseGatedActDense.
#pragma once

#include <ATen/core/Tensor.h>

#include "decode/packed_weights.h"

namespace regroup {

// x * rsqrt(mean(x^2) + epsilon) * weight over the last axis; the mean in fp32 (fp64 for fp64
// input).
at::Tensor InferenceRmsNorm(const at::Tensor& x_nd, const at::Tensor& weight_d, double epsilon);

// x_nd += FF(norm(x_nd)), in place.
void AddFeedForward(const FeedForwardWeights& w, double epsilon, at::Tensor& x_nd);

}  // namespace regroup
