// Which library, and the gradient of Linear.
#include "ops/matmul.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "core/status.h"

// LibTorch has no public name for oneDNN's product of plain fp32 tensors; this is the function that
// at::mm calls for bf16. Weak: null in a LibTorch without it, and ATen's own products serve.
namespace at::native {
// NOLINTNEXTLINE: the name and types are LibTorch's
__attribute__((weak)) void mkldnn_matmul(const Tensor& mat1, const Tensor& mat2,
                                         const Tensor& result, float beta, float alpha);
}  // namespace at::native

namespace regroup {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kWorthwhile = 8e6;  // floating-point operations; oneDNN looks its kernel up

bool HasAvx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0;
#else
  return false;
#endif
}

bool IsAmd() {
#if defined(__x86_64__)
  return __builtin_cpu_is("amd") != 0;
#else
  return false;
#endif
}

bool IsPlainFp32(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat && x.device().is_cpu();
}

double Operations(const at::Tensor& a, const at::Tensor& b) {
  return 2.0 * static_cast<double>(a.numel()) * static_cast<double>(b.size(-1));
}

bool UseOneDnn(const at::Tensor& a, const at::Tensor& b) {
  return IsPlainFp32(a) && IsPlainFp32(b) && Operations(a, b) >= kWorthwhile &&
         Fp32Library() == MatMulLibrary::kOneDnn;
}

at::Tensor EmptyProduct(const at::Tensor& a, const at::Tensor& b) {
  std::vector<int64_t> sizes = a.sizes().vec();
  sizes.back() = b.size(-1);
  return at::empty(sizes, a.options().requires_grad(false));
}

class LinearFunction final : public torch::autograd::Function<LinearFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w) {
    const at::Tensor x_mk = x.reshape({-1, x.size(-1)});
    ctx->save_for_backward({x_mk, w});
    ctx->saved_data["sizes"] = x.sizes().vec();
    std::vector<int64_t> sizes = x.sizes().vec();
    sizes.back() = w.size(0);
    return MatMul(x_mk, w.t()).view(sizes);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x_mk = saved[0], &w = saved[1];
    const at::Tensor dy_mn = grads[0].reshape({-1, w.size(0)});
    at::Tensor dx, dw;
    if (ctx->needs_input_grad(0))
      dx = MatMul(dy_mn, w).view(ctx->saved_data["sizes"].toIntVector());
    if (ctx->needs_input_grad(1)) dw = MatMul(dy_mn.t(), x_mk);
    return {dx, dw};
  }
};

}  // namespace

bool OneDnnServesFp32() {
  static const bool serves =
      &at::native::mkldnn_matmul != nullptr && at::hasMKLDNN() && HasAvx512();
  return serves;
}

MatMulLibrary Fp32Library() {
  return IsAmd() && OneDnnServesFp32() ? MatMulLibrary::kOneDnn : MatMulLibrary::kAten;
}

void MatMulBy(MatMulLibrary library, at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  if (library == MatMulLibrary::kOneDnn) {
    at::native::mkldnn_matmul(a, b, out, /*beta=*/0.0F, /*alpha=*/1.0F);
  } else if (a.dim() == 2) {
    at::mm_out(out, a, b);
  } else {
    at::bmm_out(out, a, b);
  }
}

void MatMulInto(at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  REGROUP_CHECK(!at::GradMode::is_enabled() || !(a.requires_grad() || b.requires_grad()),
                "a product that would lose its gradient");
  const bool into_rows = out.is_contiguous() && IsPlainFp32(out);
  MatMulBy(into_rows && UseOneDnn(a, b) ? MatMulLibrary::kOneDnn : MatMulLibrary::kAten, out, a, b);
}

at::Tensor MatMul(const at::Tensor& a, const at::Tensor& b) {
  at::Tensor out = EmptyProduct(a, b);
  MatMulInto(out, a, b);
  return out;
}

at::Tensor Linear(const at::Tensor& x, const at::Tensor& w) {
  const bool by_hand = x.dim() >= 2 && UseOneDnn(x, w.t());
  return by_hand ? LinearFunction::apply(x, w) : at::linear(x, w);
}

}  // namespace regroup
