// Output head and loss in one: the logits of a batch are never all in memory. `model` calls it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace regroup {

// What a teacher says of the same tokens: its hidden states [n, its d] and head [v, its d], any
// types.
struct SoftTargets {
  at::Tensor hidden_nd, head_vd;
  double weight = 0;       // 0 to 1: share in the loss; the cross-entropy has the rest
  double temperature = 1;  // of both distributions
  int64_t top_k = 0;       // the teacher's most likely tokens that count, rescaled to 1; 0: all
};

struct HeadLoss {
  at::Tensor loss_sum;  // 0-dim, fp32 (fp64 for double): what is differentiated
  at::Tensor
      plain_sum;  // detached: sum of cross-entropy + z_loss * logZ^2; the same without a teacher
  at::Tensor soft_sum;  // detached: sum of T^2 KL(teacher || student); undefined without a teacher
  at::Tensor token_loss_n;  // [n], detached cross-entropy in nats, without z-loss
};

// hidden_nd [n, d] in the compute type, head_vd [v, d] in any type (the fp32 master: its gradient
// comes in that type), target_n int64 [n]. Only real target tokens should be handed in. Tokens go
// through in chunks; gradients are made on the way forward and scaled in backward. Differentiable
// once. [z-loss: T5X losses.py; dL/dlogits = (1 + 2 z logZ) softmax - onehot]
// With `teacher` (null: none): (1 - weight) cross-entropy + weight T^2 KL(teacher || student), both
// softmaxes at temperature T, + z-loss. [Hinton et al. 2015, 1503.02531, section 2]
HeadLoss HeadCrossEntropy(const at::Tensor& hidden_nd, const at::Tensor& head_vd,
                          const at::Tensor& target_n, double z_loss,
                          const SoftTargets* teacher = nullptr);

}  // namespace regroup
