// Sums of what one attention of a parent computes, over all calibration rows. calibration.cc keeps
// one per attention of the layer that it is in.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "convert/merge_attention.h"
#include "convert/output_refit.h"
#include "convert/statistics.h"
#include "model/t5.h"

namespace regroup {

// The second moments that the weighted merges read. fp64 sums over micro-batches; the products of
// one micro-batch are made in the compute type (fp32, or fp64).
class Moments {
 public:
  // Of the parent, with its heads.
  void Add(const AttentionSeen& seen, int64_t heads, int64_t kv_heads);
  // Of all that was added; at least one row.
  SiteStatistics Statistics() const;

 private:
  at::Tensor key_sum_dd_, query_sum_hee_, value_sum_dd_;
  int64_t queries_ = 0, keys_ = 0;
};

// The sums of a refit: what the heads of `merged` give where the parent saw `seen`, against what
// the parent gave. fp64 products.
void AddOutputs(const AttentionSeen& seen, const AttentionWeights& merged, OutputSums& sums);

// Over real tokens: |out - the parent's out|^2 with `weights` in place of the parent's, 0-dim and
// differentiable; and |the parent's out|^2.
at::Tensor SquaredError(const AttentionSeen& seen, const AttentionWeights& weights);
double OutputEnergy(const AttentionSeen& seen);

// Concatenated heads [b, t, h*e] of an attention with `weights` on what the parent saw.
at::Tensor HeadOutputs(const AttentionSeen& seen, const AttentionWeights& weights);

}  // namespace regroup
