// K and V go the same way: heads of a group -> shared head and maps -> weights and folded weights.
#include "convert/merge_attention.h"

#include <ATen/ATen.h>

#include <array>

#include "convert/convert_config.h"
#include "core/status.h"

namespace regroup {
namespace {

using Heads = const at::Tensor&;
constexpr std::array<MergeMethod, 6> kMethods = {{
    {"mean", [](Heads heads, const HeadMetric&) { return MeanHead(heads); }},
    {"first", [](Heads heads, const HeadMetric&) { return FirstHead(heads); }},
    {"norm_mean", [](Heads heads, const HeadMetric&) { return NormRestoredMean(heads); }},
    {"procrustes", [](Heads heads, const HeadMetric&) { return ProcrustesHead(heads); }},
    {"svd", JointSvdHead},
    {"covariance_svd", JointSvdHead},
}};

// [n*e, d] -> [n, e, d] in fp64.
at::Tensor AsHeads(const at::Tensor& weight, int64_t heads) {
  REGROUP_CHECK(heads >= 1 && weight.size(0) % heads == 0, "heads and shape disagree");
  return weight.to(at::kDouble).unflatten(0, {heads, weight.size(0) / heads});
}

// o [d, h*e] -> [h, d, e] in fp64.
at::Tensor OutputHeads(const AttentionWeights& weights) {
  return AsHeads(weights.o.t(), weights.heads).transpose(1, 2);
}

// [h, ...] of query heads, summed over those that read the same K/V head: [g, ...].
at::Tensor SumByKvHead(const at::Tensor& by_query_head, const AttentionWeights& weights) {
  return by_query_head.unflatten(0, {weights.kv_heads, weights.heads / weights.kv_heads}).sum(1);
}

struct MergedSide {
  at::Tensor shared_ged;  // groups one after the other
  at::Tensor maps_nee;    // of all heads; undefined: all identity
  double energy = 0, loss = 0;
};

MergedSide MergeSide(const at::Tensor& heads_ned, const HeadGroups& groups,
                     const HeadMetric& method_metric, const HeadMetric& measure,
                     const MergeMethod& method) {
  MergedSide side;
  std::vector<at::Tensor> shared;
  const at::Tensor maps_nee =
      at::empty({heads_ned.size(0), heads_ned.size(1), heads_ned.size(1)}, heads_ned.options());
  for (const std::vector<int64_t>& group : groups) {
    const at::Tensor members = at::tensor(group, at::kLong);
    const auto of = [&](const HeadMetric& all) {
      return HeadMetric{all.input_dd, all.output_nee.defined()
                                          ? all.output_nee.index_select(0, members)
                                          : at::Tensor()};
    };
    const at::Tensor group_ned = heads_ned.index_select(0, members);
    const SharedHead head = method.merge(group_ned, of(method_metric));
    shared.push_back(head.shared_ed);
    if (head.maps_nee.defined()) {
      maps_nee.index_copy_(0, members, head.maps_nee);
      side.maps_nee = maps_nee;
    }
    side.energy += WeightedEnergy(group_ned, of(measure));
    side.loss += WeightedLoss(group_ned, of(measure), head);
  }
  side.shared_ged = at::stack(shared);
  return side;
}

// A_n of the K/V head that each query head reads.
at::Tensor MapsByQueryHead(const at::Tensor& maps_nee, const AttentionWeights& weights) {
  return maps_nee.repeat_interleave(weights.heads / weights.kv_heads, 0);
}

double Share(const MergedSide& side) { return side.energy > 0 ? side.loss / side.energy : 0; }

}  // namespace

HeadGroups ContiguousGroups(int64_t heads, int64_t groups) {
  REGROUP_CHECK(groups >= 1 && heads % groups == 0, "heads and groups disagree");
  HeadGroups all(static_cast<size_t>(groups));
  for (int64_t head = 0; head < heads; ++head)
    all[static_cast<size_t>(head / (heads / groups))].push_back(head);
  return all;
}

const MergeMethod* FindMergeMethod(const std::string& name) {
  for (const MergeMethod& method : kMethods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

at::Tensor KeyHeads(const AttentionWeights& weights) {
  return AsHeads(weights.k, weights.kv_heads);
}

at::Tensor ValueHeads(const AttentionWeights& weights) {
  return AsHeads(weights.v, weights.kv_heads);
}

HeadMetric KeyMetric(const AttentionWeights& weights, const SiteStatistics* statistics) {
  if (statistics == nullptr) return {};
  return {Ridged(statistics->key_covariance_dd),
          SumByKvHead(Ridged(statistics->query_moment_hee), weights)};
}

HeadMetric ValueMetric(const AttentionWeights& weights, const SiteStatistics* statistics) {
  const at::Tensor o_hde = OutputHeads(weights);
  const at::Tensor output_nee = SumByKvHead(at::matmul(o_hde.transpose(1, 2), o_hde), weights);
  if (statistics == nullptr) return {{}, output_nee};
  return {Ridged(statistics->value_moment_dd), output_nee};
}

MergedAttention MergeAttention(const AttentionWeights& weights, const HeadGroups& groups,
                               const MergeMethod& method, const SiteStatistics* statistics) {
  const bool weighs = MergeWeighs(method.name);
  REGROUP_CHECK(!weighs || statistics != nullptr, "this method needs statistics");
  const SiteStatistics* weighing = weighs ? statistics : nullptr;
  const MergedSide key = MergeSide(KeyHeads(weights), groups, KeyMetric(weights, weighing),
                                   KeyMetric(weights, statistics), method);
  const MergedSide value = MergeSide(ValueHeads(weights), groups, ValueMetric(weights, weighing),
                                     ValueMetric(weights, statistics), method);
  MergedAttention merged;
  AttentionWeights& out = merged.weights;
  out.heads = weights.heads;
  out.kv_heads = static_cast<int64_t>(groups.size());
  out.k = key.shared_ged.flatten(0, 1);
  out.v = value.shared_ged.flatten(0, 1);
  out.q = weights.q.to(at::kDouble);
  out.o = weights.o.to(at::kDouble);
  merged.folded = key.maps_nee.defined();
  if (statistics != nullptr) merged.loss = {Share(key), Share(value)};
  if (!merged.folded) return merged;
  const at::Tensor q_hed = AsHeads(weights.q, weights.heads), o_hde = OutputHeads(weights);
  out.q = at::matmul(MapsByQueryHead(key.maps_nee, weights).transpose(1, 2), q_hed).flatten(0, 1);
  out.o = at::matmul(o_hde, MapsByQueryHead(value.maps_nee, weights)).permute({1, 0, 2}).flatten(1);
  return merged;
}

}  // namespace regroup
