// Merging the K/V heads of one attention by a method of shared_head.h: groups of heads, their
// metrics, and the folding of the maps into W_q and W_o. Pure functions; regroup.cc walks the model
// with them, calibrate measures what they cost.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "convert/shared_head.h"
#include "convert/statistics.h"

namespace regroup {

// Weights as Hugging Face lays them out: q [h*e, d], k and v [g*e, d], o [d, h*e].
struct AttentionWeights {
  at::Tensor q, k, v, o;
  int64_t heads = 0;     // h
  int64_t kv_heads = 0;  // g
};

// The K/V heads of each group. Query heads stay where they are, as they share one table of relative
// biases with all layers; so a model that is written has contiguous groups.
using HeadGroups = std::vector<std::vector<int64_t>>;
HeadGroups ContiguousGroups(int64_t heads, int64_t groups);

// A way to merge. To add one: a function in shared_head.h, a row in merge_attention.cc, its name in
// convert_config.cc, a golden in tests/golden/convert, a row in docs/conversion.md.
struct MergeMethod {
  const char* name;
  SharedHead (*merge)(const at::Tensor& heads_ned, const HeadMetric& metric);
};
const MergeMethod* FindMergeMethod(const std::string& name);  // null: none of that name

// Shares of the heads' cost (shared_head.h) that merging loses, 0 to 1 for least-squares methods.
struct MergeLoss {
  double key = 0, value = 0;
};

struct MergedAttention {
  AttentionWeights weights;  // fp64
  bool folded = false;       // q and o changed too
  MergeLoss loss;            // under the statistics; 0 without any
};
// `statistics` may be null for methods that do not weigh. Any dtype in; fp64 inside.
MergedAttention MergeAttention(const AttentionWeights& weights, const HeadGroups& groups,
                               const MergeMethod& method, const SiteStatistics* statistics);

// K and V as heads [n, e, d], fp64.
at::Tensor KeyHeads(const AttentionWeights& weights);
at::Tensor ValueHeads(const AttentionWeights& weights);
// The metrics of the K and V heads of an attention; without statistics those of weights alone (K:
// none, V: the output projection).
HeadMetric KeyMetric(const AttentionWeights& weights, const SiteStatistics* statistics);
HeadMetric ValueMetric(const AttentionWeights& weights, const SiteStatistics* statistics);

}  // namespace regroup
