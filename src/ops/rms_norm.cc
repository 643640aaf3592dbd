// RMS norm with its gradient written out: only x and one number per row are kept for backward.
#include "ops/rms_norm.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace regroup {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::ScalarType StatisticsType(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// With r = rsqrt(mean(x^2) + eps), y = x * r * w over rows of width d:
//   dw = sum over rows of dy * x * r;   dx = r * dy * w - x * (r^3 / d) * sum(dy * x * w).
// Both sums are matrix-vector products of dy * x.
class RmsNormFunction final : public torch::autograd::Function<RmsNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            double eps) {
    const at::ScalarType type = StatisticsType(x);
    const auto width = static_cast<double>(x.size(-1));
    at::Tensor r = at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true, type);
    r = r.square_().div_(width).add_(eps).rsqrt_();
    ctx->save_for_backward({x, weight, r});
    return at::mul(x, r).to(x.scalar_type()).mul_(weight);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &r = saved[2];
    const at::ScalarType type = r.scalar_type();
    const at::Tensor w = weight.to(type), dy = grads[0].to(type);
    const at::Tensor dyx = at::mul(dy, x).view({-1, w.size(0)});
    const at::Tensor dweight = dyx.t().mv(r.view(-1));
    const at::Tensor projection = dyx.mv(w).view(r.sizes()).mul_(r.pow(3)).div_(w.size(0));
    const at::Tensor dx = at::mul(dy, w).mul_(r).addcmul_(x.to(type), projection, -1);
    return {dx.to(x.scalar_type()), dweight.to(weight.scalar_type()), at::Tensor()};
  }
};

}  // namespace

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight, eps);
}

}  // namespace regroup
