// Only real tokens count: padded queries and keys are left out of every sum.
#include "calibrate/moments.h"

#include <ATen/ATen.h>

#include "ops/matmul.h"

namespace regroup {
namespace {

// softmax(q k^T + bias + mask), [b, h, t, s].
at::Tensor Probabilities(const at::Tensor& q_bhte, const at::Tensor& k_bgse,
                         const AttentionTerms& terms) {
  const int64_t queries_per_head = q_bhte.size(1) / k_bgse.size(1);
  at::Tensor scores =
      at::matmul(q_bhte, k_bgse.repeat_interleave(queries_per_head, 1).transpose(2, 3));
  if (terms.bias_1hts.defined()) scores = scores + terms.bias_1hts;
  if (terms.mask_b1s.defined()) scores = scores + terms.mask_b1s.unsqueeze(1);
  return at::softmax(scores, -1);
}

// Rows of [b, t, ...] whose token is real.
at::Tensor RealRows(const at::Tensor& x_btn, const at::Tensor& mask_bt) {
  return x_btn.flatten(0, 1).index_select(0, mask_bt.flatten().nonzero().squeeze(1));
}

// y less its mean over the real tokens of each sequence, zero at padding.
at::Tensor Centered(const at::Tensor& y_bsd, const at::Tensor& mask_bs) {
  const at::Tensor real_bs1 = mask_bs.unsqueeze(-1).to(y_bsd.scalar_type());
  const at::Tensor mean_b1d = (y_bsd * real_bs1).sum(1, true) / real_bs1.sum(1, true);
  return (y_bsd - mean_b1d) * real_bs1;
}

void AddTo(at::Tensor& sum, const at::Tensor& product) {
  const at::Tensor wide = product.to(at::kCPU, at::kDouble);
  sum = sum.defined() ? sum.add_(wide) : wide;
}

at::Tensor Gram(const at::Tensor& x_nd) { return MatMul(x_nd.t(), x_nd); }

// Sum over real queries and heads of z^T z, z = p y [d]: of all z at once, or as y^T (sum of p^T p)
// y, whichever takes fewer operations. [d, d]
at::Tensor ValueMoment(const at::Tensor& p_bhts, const at::Tensor& y_bsd,
                       const at::Tensor& query_mask_bt) {
  const auto h = static_cast<double>(p_bhts.size(1)), t = static_cast<double>(p_bhts.size(2)),
             s = static_cast<double>(p_bhts.size(3)), d = static_cast<double>(y_bsd.size(2));
  const at::Tensor real_b1t1 = query_mask_bt.unsqueeze(1).unsqueeze(-1).to(p_bhts.scalar_type());
  const at::Tensor p_bns = (p_bhts * real_b1t1).flatten(1, 2);
  if (h * t * s * s + s * s * d + s * d * d < h * t * s * d + h * t * d * d) {
    const at::Tensor received_bss = MatMul(p_bns.transpose(1, 2), p_bns);
    return MatMul(y_bsd.flatten(0, 1).t(), MatMul(received_bss, y_bsd).flatten(0, 1));
  }
  return Gram(MatMul(p_bns, y_bsd).flatten(0, 1));
}

}  // namespace

void Moments::Add(const AttentionSeen& seen, int64_t heads, int64_t kv_heads) {
  const at::Tensor q_bhte = SplitHeads(seen.q_btn, heads);
  const at::Tensor k_bgse = SplitHeads(seen.k_bsn, kv_heads);
  const at::Tensor p_bhts = Probabilities(q_bhte, k_bgse, seen.terms);

  AddTo(key_sum_dd_, Gram(Centered(seen.y_bsd, seen.key_mask_bs).flatten(0, 1)));
  const at::Tensor q_hne = RealRows(q_bhte.transpose(1, 2), seen.query_mask_bt).transpose(0, 1);
  AddTo(query_sum_hee_, at::matmul(q_hne.transpose(1, 2), q_hne));
  AddTo(value_sum_dd_,
        ValueMoment(p_bhts, seen.y_bsd, seen.query_mask_bt) / static_cast<double>(heads));
  queries_ += q_hne.size(1);
  keys_ += seen.key_mask_bs.sum().item<int64_t>();
}

SiteStatistics Moments::Statistics() const {
  const auto queries = static_cast<double>(queries_), keys = static_cast<double>(keys_);
  return {key_sum_dd_ / keys, query_sum_hee_ / queries, value_sum_dd_ / queries};
}

at::Tensor HeadOutputs(const AttentionSeen& seen, const AttentionWeights& weights) {
  const at::Tensor q_bhte = SplitHeads(Linear(seen.x_btd, weights.q), weights.heads);
  const at::Tensor k_bgse = SplitHeads(Linear(seen.y_bsd, weights.k), weights.kv_heads);
  const at::Tensor v_bgse = SplitHeads(Linear(seen.y_bsd, weights.v), weights.kv_heads);
  return GroupedAttention(q_bhte, k_bgse, v_bgse, seen.terms).transpose(1, 2).flatten(2);
}

at::Tensor SquaredError(const AttentionSeen& seen, const AttentionWeights& weights) {
  const at::Tensor out = Linear(HeadOutputs(seen, weights), weights.o);
  const at::Tensor real = seen.query_mask_bt.unsqueeze(-1).to(out.scalar_type());
  return ((out - seen.out_btd) * real).square().sum();
}

double OutputEnergy(const AttentionSeen& seen) {
  const at::Tensor real = seen.query_mask_bt.unsqueeze(-1).to(seen.out_btd.scalar_type());
  return (seen.out_btd * real).square().sum().item<double>();
}

void AddOutputs(const AttentionSeen& seen, const AttentionWeights& merged, OutputSums& sums) {
  const at::Tensor z_nk = RealRows(HeadOutputs(seen, merged), seen.query_mask_bt).to(at::kDouble);
  const at::Tensor out_nd = RealRows(seen.out_btd, seen.query_mask_bt).to(at::kDouble);
  AddTo(sums.heads_nn, Gram(z_nk));
  AddTo(sums.heads_out_nd, MatMul(z_nk.t(), out_nd));
  sums.out_energy += out_nd.square().sum().item<double>();
  sums.tokens += out_nd.size(0);
}

}  // namespace regroup
