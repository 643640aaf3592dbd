// Output head and loss in one: the logits of a batch are never all in memory. `model` calls it.
#pragma once

#include <ATen/core/Tensor.h>

namespace regroup {

struct HeadLoss {
  at::Tensor loss_sum;      // 0-dim, fp32 (fp64 for double): sum of cross-entropy + z_loss * logZ^2
  at::Tensor token_loss_n;  // [n], detached cross-entropy in nats, without z-loss
};

// hidden_nd [n, d] in the compute type, head_vd [v, d] in any type (the fp32 master: its gradient
// comes in that type), target_n int64 [n]. Only real target tokens should be handed in. Tokens go
// through in chunks; gradients are made on the way forward and scaled in backward. Differentiable
// once. [z-loss: T5X losses.py; dL/dlogits = (1 + 2 z logZ) softmax - onehot]
HeadLoss HeadCrossEntropy(const at::Tensor& hidden_nd, const at::Tensor& head_vd,
                          const at::Tensor& target_n, double z_loss);

}  // namespace regroup
