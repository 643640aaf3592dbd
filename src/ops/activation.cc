// Gated tanh-GELU with its gradient written out, so that both halves of it land in one tensor.
#include "ops/activation.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace regroup {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class GatedGeluFunction final : public torch::autograd::Function<GatedGeluFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x) {
    const auto half = x.chunk(2, -1);
    const at::Tensor gate = at::gelu(half[0], "tanh");
    ctx->save_for_backward({x, gate});
    return at::mul(gate, half[1]);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &gate = saved[1];
    const at::Tensor& dy = grads[0];
    const auto half = x.chunk(2, -1);
    at::Tensor dx = at::empty_like(x);
    auto dhalf = dx.chunk(2, -1);
    at::mul_out(dhalf[0], dy, half[1]);
    at::gelu_backward_out(dhalf[0], dhalf[0], half[0], "tanh");
    at::mul_out(dhalf[1], dy, gate);
    return {dx};
  }
};

}  // namespace

at::Tensor GatedGelu(const at::Tensor& x_nf2) { return GatedGeluFunction::apply(x_nf2); }

}  // namespace regroup
