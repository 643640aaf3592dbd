// Head, softmax and cross-entropy over chunks of tokens. Logits and their gradient are fp32 (fp64
// for fp64) whatever the compute type: T5X computes its logits in float32 (t5x examples,
// network.py).
#include "ops/head_loss.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

namespace regroup {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kLogitsPerChunk = 1 << 21;

struct Chunk {
  at::Tensor loss_sum;  // with z-loss
  at::Tensor token_loss;
  at::Tensor dlogits;
};

Chunk ChunkLoss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& target,
                double z_loss, bool with_gradient) {
  at::Tensor logits = at::mm(hidden, head.t());
  const at::Tensor index = target.unsqueeze(1);
  const at::Tensor largest = logits.amax(1, /*keepdim=*/true);
  const at::Tensor target_logit = logits.gather(1, index);
  logits.sub_(largest).exp_();
  const at::Tensor sum = logits.sum(1, /*keepdim=*/true);
  const at::Tensor log_z = sum.log().add_(largest);
  Chunk out;
  out.token_loss = (log_z - target_logit).squeeze(1);
  out.loss_sum = out.token_loss.sum();
  if (z_loss > 0) out.loss_sum = out.loss_sum + log_z.square().sum() * z_loss;
  if (!with_gradient) return out;
  const at::Tensor weight = z_loss > 0 ? log_z.mul(2 * z_loss).add_(1).div_(sum) : sum.reciprocal();
  out.dlogits = logits.mul_(weight).scatter_add_(1, index, at::full_like(log_z, -1));
  return out;
}

class HeadLossFunction final : public torch::autograd::Function<HeadLossFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden_nd,
                               const at::Tensor& head_vd, const at::Tensor& target_n, double z_loss,
                               bool with_gradient) {
    const at::ScalarType type = hidden_nd.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor head = head_vd.to(type);
    const int64_t n = hidden_nd.size(0);
    const int64_t step = std::max<int64_t>(16, kLogitsPerChunk / head.size(0));
    at::Tensor dhidden, dhead, loss_sum;
    std::vector<at::Tensor> token_losses;
    if (with_gradient) dhidden = at::empty_like(hidden_nd, type);
    for (int64_t begin = 0; begin < n; begin += step) {
      const int64_t size = std::min(step, n - begin);
      const at::Tensor hidden = hidden_nd.narrow(0, begin, size).to(type);
      const Chunk chunk =
          ChunkLoss(hidden, head, target_n.narrow(0, begin, size), z_loss, with_gradient);
      token_losses.push_back(chunk.token_loss);
      loss_sum = loss_sum.defined() ? loss_sum + chunk.loss_sum : chunk.loss_sum;
      if (!with_gradient) continue;
      at::Tensor part = dhidden.narrow(0, begin, size);
      at::mm_out(part, chunk.dlogits, head);
      Accumulate(dhead, at::mm(chunk.dlogits.t(), hidden));
    }
    const at::Tensor token_loss = at::cat(token_losses);
    if (with_gradient) ctx->save_for_backward({dhidden, dhead});
    ctx->saved_data["hidden_type"] = hidden_nd.scalar_type();
    ctx->mark_non_differentiable({token_loss});
    return {loss_sum, token_loss};
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& scale = grads[0];  // 0-dim: it does not change the other factor's type
    const at::ScalarType hidden_type = ctx->saved_data["hidden_type"].toScalarType();
    return {(saved[0] * scale).to(hidden_type), saved[1] * scale, at::Tensor(), at::Tensor(),
            at::Tensor()};
  }

 private:
  static void Accumulate(at::Tensor& sum, at::Tensor part) {
    if (sum.defined()) {
      sum.add_(part);
    } else {
      sum = std::move(part);
    }
  }
};

}  // namespace

HeadLoss HeadCrossEntropy(const at::Tensor& hidden_nd, const at::Tensor& head_vd,
                          const at::Tensor& target_n, double z_loss) {
  const bool with_gradient =
      at::GradMode::is_enabled() && (hidden_nd.requires_grad() || head_vd.requires_grad());
  const variable_list out =
      HeadLossFunction::apply(hidden_nd, head_vd, target_n, z_loss, with_gradient);
  return {out[0], out[1]};
}

}  // namespace regroup
