// Only real tokens count: padded queries and keys are left out of every sum.
#include "calibrate/moments.h"

#include <ATen/ATen.h>

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

at::Tensor Gram(const at::Tensor& x_nd) { return at::mm(x_nd.t(), x_nd); }

}  // namespace

void Moments::Add(const AttentionSeen& seen, const AttentionWeights& weights) {
  const at::Tensor q_bhte = SplitHeads(at::linear(seen.x_btd, weights.q), weights.heads);
  const at::Tensor k_bgse = SplitHeads(at::linear(seen.y_bsd, weights.k), weights.kv_heads);
  const at::Tensor p_bhts = Probabilities(q_bhte, k_bgse, seen.terms);
  const int64_t d = seen.y_bsd.size(-1);

  AddTo(key_sum_dd_, Gram(Centered(seen.y_bsd, seen.key_mask_bs).flatten(0, 1)));
  const at::Tensor q_hne = RealRows(q_bhte.transpose(1, 2), seen.query_mask_bt).transpose(0, 1);
  AddTo(query_sum_hee_, at::matmul(q_hne.transpose(1, 2), q_hne));
  // z = p y, all query heads of a sequence in one product.
  const at::Tensor z_bhtd =
      at::bmm(p_bhts.flatten(1, 2), seen.y_bsd).unflatten(1, {weights.heads, -1});
  const at::Tensor z_nhd = RealRows(z_bhtd.transpose(1, 2), seen.query_mask_bt);
  AddTo(value_sum_dd_, Gram(z_nhd.reshape({-1, d})) / static_cast<double>(weights.heads));
  queries_ += q_hne.size(1);
  keys_ += seen.key_mask_bs.sum().item<int64_t>();
}

SiteStatistics Moments::Statistics() const {
  const auto queries = static_cast<double>(queries_), keys = static_cast<double>(keys_);
  return {key_sum_dd_ / keys, query_sum_hee_ / queries, value_sum_dd_ / queries};
}

at::Tensor HeadOutputs(const AttentionSeen& seen, const AttentionWeights& weights) {
  const at::Tensor q_bhte = SplitHeads(at::linear(seen.x_btd, weights.q), weights.heads);
  const at::Tensor k_bgse = SplitHeads(at::linear(seen.y_bsd, weights.k), weights.kv_heads);
  const at::Tensor v_bgse = SplitHeads(at::linear(seen.y_bsd, weights.v), weights.kv_heads);
  return GroupedAttention(q_bhte, k_bgse, v_bgse, seen.terms).transpose(1, 2).flatten(2);
}

at::Tensor SquaredError(const AttentionSeen& seen, const AttentionWeights& weights) {
  const at::Tensor out = at::linear(HeadOutputs(seen, weights), weights.o);
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
  AddTo(sums.heads_out_nd, at::mm(z_nk.t(), out_nd));
  sums.out_energy += out_nd.square().sum().item<double>();
  sums.tokens += out_nd.size(0);
}

}  // namespace regroup
