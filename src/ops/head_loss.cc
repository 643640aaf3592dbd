// Head, softmax and cross-entropy over chunks of tokens. Logits and their gradient are fp32 (fp64
// for fp64) whatever the compute type: T5X computes its logits in float32 (t5x examples,
// network.py).
#include "ops/head_loss.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "ops/matmul.h"

namespace regroup {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kLogitsPerChunk = 1 << 21;

struct Chunk {
  at::Tensor plain_sum;  // with z-loss
  at::Tensor soft_sum;
  at::Tensor token_loss;
  at::Tensor dlogits;
};

struct SoftPart {
  at::Tensor sum;      // T^2 KL(teacher || student)
  at::Tensor dlogits;  // of it
};

// The teacher's probabilities at its temperature; what is not among its top k is 0.
at::Tensor TeacherProbabilities(const SoftTargets& teacher, int64_t begin, int64_t size,
                                at::ScalarType type) {
  const at::Tensor hidden = teacher.hidden_nd.narrow(0, begin, size).to(type);
  const at::Tensor logits = MatMul(hidden, teacher.head_vd.t()).div_(teacher.temperature);
  if (teacher.top_k <= 0 || teacher.top_k >= logits.size(1)) return at::softmax(logits, 1);
  const auto [values, index] = logits.topk(teacher.top_k, 1);
  return at::zeros_like(logits).scatter_(1, index, at::softmax(values, 1));
}

SoftPart SoftLoss(const at::Tensor& logits, const at::Tensor& probabilities, double temperature) {
  const at::Tensor log_q = at::log_softmax(logits / temperature, 1);
  const at::Tensor divergence = at::xlogy(probabilities, probabilities).sub_(probabilities * log_q);
  return {divergence.sum() * (temperature * temperature),
          log_q.exp().sub_(probabilities).mul_(temperature)};
}

// `begin`: of these tokens among the teacher's.
Chunk ChunkLoss(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& target,
                double z_loss, bool with_gradient, const SoftTargets* teacher, int64_t begin) {
  at::Tensor logits = MatMul(hidden, head.t());
  SoftPart soft;
  if (teacher != nullptr)
    soft = SoftLoss(logits,
                    TeacherProbabilities(*teacher, begin, hidden.size(0), hidden.scalar_type()),
                    teacher->temperature);
  const at::Tensor index = target.unsqueeze(1);
  const at::Tensor largest = logits.amax(1, /*keepdim=*/true);
  const at::Tensor target_logit = logits.gather(1, index);
  logits.sub_(largest).exp_();
  const at::Tensor sum = logits.sum(1, /*keepdim=*/true);
  const at::Tensor log_z = sum.log().add_(largest);
  Chunk out;
  out.token_loss = (log_z - target_logit).squeeze(1);
  out.plain_sum = out.token_loss.sum();
  if (z_loss > 0) out.plain_sum = out.plain_sum + log_z.square().sum() * z_loss;
  out.soft_sum = soft.sum;
  if (!with_gradient) return out;
  const double hard = teacher == nullptr ? 1 : 1 - teacher->weight;
  const at::Tensor weight =
      z_loss > 0 ? log_z.mul(2 * z_loss).add_(hard).div_(sum) : sum.reciprocal().mul_(hard);
  out.dlogits = logits.mul_(weight).scatter_add_(1, index, at::full_like(log_z, -hard));
  if (teacher != nullptr) out.dlogits.add_(soft.dlogits, teacher->weight);
  return out;
}

class HeadLossFunction final : public torch::autograd::Function<HeadLossFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& hidden_nd,
                               const at::Tensor& head_vd, const at::Tensor& target_n, double z_loss,
                               bool with_gradient, const SoftTargets* teacher) {
    const at::ScalarType type = hidden_nd.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    const at::Tensor head = head_vd.to(type);
    const int64_t n = hidden_nd.size(0);
    const int64_t step = std::max<int64_t>(16, kLogitsPerChunk / head.size(0));
    at::Tensor dhidden, dhead, plain_sum, soft_sum;
    std::vector<at::Tensor> token_losses;
    if (with_gradient) dhidden = at::empty_like(hidden_nd, type);
    for (int64_t begin = 0; begin < n; begin += step) {
      const int64_t size = std::min(step, n - begin);
      const at::Tensor hidden = hidden_nd.narrow(0, begin, size).to(type);
      const Chunk chunk = ChunkLoss(hidden, head, target_n.narrow(0, begin, size), z_loss,
                                    with_gradient, teacher, begin);
      token_losses.push_back(chunk.token_loss);
      Accumulate(plain_sum, chunk.plain_sum);
      if (teacher != nullptr) Accumulate(soft_sum, chunk.soft_sum);
      if (!with_gradient) continue;
      at::Tensor part = dhidden.narrow(0, begin, size);
      MatMulInto(part, chunk.dlogits, head);
      if (head_vd.requires_grad()) Accumulate(dhead, MatMul(chunk.dlogits.t(), hidden));
    }
    const at::Tensor token_loss = at::cat(token_losses);
    if (with_gradient) ctx->save_for_backward({dhidden, dhead});
    ctx->saved_data["hidden_type"] = hidden_nd.scalar_type();
    const at::Tensor loss_sum =
        teacher == nullptr ? plain_sum.clone() : Mixed(plain_sum, soft_sum, token_loss, *teacher);
    variable_list detached = {plain_sum, token_loss};
    if (teacher != nullptr) detached.push_back(soft_sum);
    ctx->mark_non_differentiable(detached);
    detached.insert(detached.begin(), loss_sum);
    return detached;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor& scale = grads[0];  // 0-dim: it does not change the other factor's type
    const at::ScalarType hidden_type = ctx->saved_data["hidden_type"].toScalarType();
    const at::Tensor dhead = saved[1].defined() ? saved[1] * scale : at::Tensor();
    return {(saved[0] * scale).to(hidden_type),
            dhead,
            at::Tensor(),
            at::Tensor(),
            at::Tensor(),
            at::Tensor()};
  }

 private:
  // The z-loss keeps its whole weight.
  static at::Tensor Mixed(const at::Tensor& plain_sum, const at::Tensor& soft_sum,
                          const at::Tensor& token_loss, const SoftTargets& teacher) {
    return plain_sum + (soft_sum - token_loss.sum()) * teacher.weight;
  }

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
                          const at::Tensor& target_n, double z_loss, const SoftTargets* teacher) {
  const bool with_gradient =
      at::GradMode::is_enabled() && (hidden_nd.requires_grad() || head_vd.requires_grad());
  SoftTargets wide;  // the teacher's head in the type of the logits, once for all chunks
  if (teacher != nullptr) {
    wide = *teacher;
    wide.head_vd =
        wide.head_vd.to(hidden_nd.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  }
  const variable_list out = HeadLossFunction::apply(
      hidden_nd, head_vd, target_n, z_loss, with_gradient, teacher == nullptr ? nullptr : &wide);
  return {out[0], out[1], teacher == nullptr ? at::Tensor() : out[3], out[2]};
}

}  // namespace regroup
