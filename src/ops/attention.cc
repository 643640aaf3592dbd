// Grouped attention and its gradient. Scores are the largest tensor of the model, so they are made
// once, worked on in place, and only the probabilities are kept for backward.
#include "ops/attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>
#include <optional>

#include "core/status.h"
#include "ops/matmul.h"

namespace regroup {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Sizes {
  int64_t b, h, g, r, t, s, e;
  Sizes(const at::Tensor& q_bhte, const at::Tensor& k_bgse)
      : b(q_bhte.size(0)),
        h(q_bhte.size(1)),
        g(k_bgse.size(1)),
        r(h / g),
        t(q_bhte.size(2)),
        s(k_bgse.size(2)),
        e(q_bhte.size(3)) {}
};

// [b, g, n, e] -> [b*g, n, e]; a copy only if the heads do not lie one after the other.
at::Tensor Flat(const at::Tensor& x_bgne) {
  return x_bgne.reshape({x_bgne.size(0) * x_bgne.size(1), x_bgne.size(2), x_bgne.size(3)});
}

// q's r heads of a group become r * t queries of one K/V head.
at::Tensor FlatQueries(const at::Tensor& q_bhte, const Sizes& n) {
  return q_bhte.reshape({n.b * n.g, n.r * n.t, n.e});
}

// Function::apply refuses undefined tensors, but takes absent ones.
std::optional<at::Tensor> IfDefined(const at::Tensor& x) {
  return x.defined() ? std::optional<at::Tensor>(x) : std::nullopt;
}

class AttentionFunction final : public torch::autograd::Function<AttentionFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q_bhte,
                            const at::Tensor& k_bgse, const at::Tensor& v_bgse,
                            const std::optional<at::Tensor>& bias_1hts,
                            const std::optional<at::Tensor>& mask_b1s,
                            const std::optional<at::Tensor>& dropout_bhs) {
    const Sizes n(q_bhte, k_bgse);
    const at::Tensor drop_bhs = dropout_bhs.value_or(at::Tensor());
    const at::Tensor q = FlatQueries(q_bhte, n), k = Flat(k_bgse), v = Flat(v_bgse);
    at::Tensor p = MatMul(q, k.transpose(1, 2));
    at::Tensor p_bhts = p.view({n.b, n.h, n.t, n.s});
    if (bias_1hts) p_bhts.add_(*bias_1hts);
    if (mask_b1s) p_bhts.add_(mask_b1s->unsqueeze(1));
    at::_softmax_out(p, p, -1, /*half_to_float=*/false);
    const at::Tensor dropped = Dropped(p, drop_bhs, n);
    ctx->saved_data["bias"] = bias_1hts && bias_1hts->requires_grad();
    ctx->save_for_backward({q, k, v, p, drop_bhs});
    return MatMul(dropped, v).view({n.b, n.h, n.t, n.e});
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &p = saved[3];
    const at::Tensor& dout_bhte = grads[0];
    const int64_t b = dout_bhte.size(0), h = dout_bhte.size(1), g = k.size(0) / b;
    const Sizes n(dout_bhte, k.view({b, g, k.size(1), k.size(2)}));
    const at::Tensor dout = FlatQueries(dout_bhte, n);
    const at::Tensor dv = MatMul(Dropped(p, saved[4], n).transpose(1, 2), dout);
    at::Tensor ds = MatMul(dout, v.transpose(1, 2));
    if (saved[4].defined()) ds.view({b, h, n.t, n.s}).mul_(saved[4].unsqueeze(2));
    at::_softmax_backward_data_out(ds, ds, p, -1, p.scalar_type());
    at::Tensor dbias;
    if (ctx->saved_data["bias"].toBool()) {
      dbias = ds.view({b, h, n.t, n.s}).sum(0, /*keepdim=*/true);
    }
    const at::Tensor dq = MatMul(ds, k).view({b, h, n.t, n.e});
    const at::Tensor dk = MatMul(ds.transpose(1, 2), q);
    const std::vector<int64_t> kv_shape = {b, g, n.s, n.e};
    return {dq, dk.view(kv_shape), dv.view(kv_shape), dbias, at::Tensor(), at::Tensor()};
  }

 private:
  static at::Tensor Dropped(const at::Tensor& p, const at::Tensor& drop_bhs, const Sizes& n) {
    if (!drop_bhs.defined()) return p;
    return p.view({n.b, n.h, n.t, n.s}).mul(drop_bhs.unsqueeze(2)).view(p.sizes());
  }
};

}  // namespace

at::Tensor SplitHeads(const at::Tensor& x_btn, int64_t heads) {
  return x_btn.unflatten(-1, {heads, x_btn.size(-1) / heads}).transpose(1, 2);
}

double MaskValue(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return std::numeric_limits<double>::lowest();
    case at::kBFloat16:
      return static_cast<double>(std::numeric_limits<c10::BFloat16>::lowest());
    case at::kHalf:
      return static_cast<double>(std::numeric_limits<c10::Half>::lowest());
    default:
      return static_cast<double>(std::numeric_limits<float>::lowest());
  }
}

at::Tensor GroupedAttention(const at::Tensor& q_bhte, const at::Tensor& k_bgse,
                            const at::Tensor& v_bgse, const AttentionTerms& terms) {
  REGROUP_CHECK(q_bhte.dim() == 4 && k_bgse.dim() == 4 && v_bgse.sizes() == k_bgse.sizes());
  REGROUP_CHECK(q_bhte.size(1) % k_bgse.size(1) == 0, "K/V heads must divide the query heads");
  return AttentionFunction::apply(q_bhte, k_bgse, v_bgse, IfDefined(terms.bias_1hts),
                                  IfDefined(terms.mask_b1s), IfDefined(terms.drop_bhs));
}

}  // namespace regroup
