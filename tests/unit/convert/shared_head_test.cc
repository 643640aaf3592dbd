// Properties of the methods: what they recover exactly, what they minimize, what they never do
// worse than.
#include "convert/shared_head.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace regroup {
namespace {

constexpr int64_t kHeads = 4, kWidth = 3, kModel = 10;

at::Tensor Draw(std::vector<int64_t> shape, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::kDouble);
}

at::Tensor Moment(int64_t size, uint64_t seed) {
  const at::Tensor x = Draw({3 * size, size}, seed);
  return at::mm(x.t(), x) / static_cast<double>(3 * size);
}

HeadMetric SomeMetric(uint64_t seed) {
  std::vector<at::Tensor> outputs;
  for (uint64_t n = 0; n < kHeads; ++n) outputs.push_back(Moment(kWidth, seed + 1 + n));
  return {Moment(kModel, seed), at::stack(outputs)};
}

using Method = std::function<SharedHead(const at::Tensor&)>;
std::vector<std::pair<std::string, Method>> Methods(const HeadMetric& metric) {
  return {{"mean", MeanHead},
          {"first", FirstHead},
          {"norm_mean", NormRestoredMean},
          {"procrustes", ProcrustesHead},
          {"svd", [](const at::Tensor& x) { return JointSvdHead(x, {}); }},
          {"covariance_svd", [metric](const at::Tensor& x) { return JointSvdHead(x, metric); }}};
}

// The largest entry of W_n - A_n S.
double WorstError(const at::Tensor& heads_ned, const SharedHead& by) {
  const at::Tensor made = by.maps_nee.defined() ? at::matmul(by.maps_nee, by.shared_ed)
                                                : by.shared_ed.expand_as(heads_ned);
  return (heads_ned - made).abs().max().item<double>();
}

TEST(SharedHead, OneHeadIsItselfForEveryMethod) {
  const HeadMetric all = SomeMetric(1);
  const HeadMetric metric{all.input_dd, all.output_nee.narrow(0, 0, 1)};
  const at::Tensor head = Draw({1, kWidth, kModel}, 2);
  for (const auto& [name, merge] : Methods(metric))
    EXPECT_LT(WorstError(head, merge(head)), 1e-13) << name;
}

TEST(SharedHead, CopiesOfOneHeadAreRecoveredByEveryMethod) {
  const at::Tensor heads = Draw({1, kWidth, kModel}, 3).expand({kHeads, kWidth, kModel});
  for (const auto& [name, merge] : Methods(SomeMetric(4)))
    EXPECT_LT(WorstError(heads, merge(heads)), 1e-12) << name;
}

TEST(SharedHead, RotatedCopiesAreRecoveredByAlignmentAndNotByTheMean) {
  const at::Tensor head = Draw({kWidth, kModel}, 5);
  std::vector<at::Tensor> copies;
  for (uint64_t n = 0; n < kHeads; ++n)
    copies.push_back(at::mm(std::get<0>(at::linalg_qr(Draw({kWidth, kWidth}, 6 + n))), head));
  const at::Tensor heads = at::stack(copies);
  EXPECT_LT(WorstError(heads, ProcrustesHead(heads)), 1e-6);  // it stops at a gain of 1e-7
  EXPECT_LT(WorstError(heads, JointSvdHead(heads, {})), 1e-12);
  EXPECT_GT(WorstError(heads, MeanHead(heads)), 0.1) << "the control";
}

TEST(SharedHead, HeadsInOneSubspaceAreRecoveredByTheJointDecomposition) {
  for (const int64_t rank : {kWidth, kWidth - 1, int64_t{1}}) {
    const at::Tensor heads = at::matmul(Draw({kHeads, kWidth, rank}, 7), Draw({rank, kModel}, 8));
    EXPECT_LT(WorstError(heads, JointSvdHead(heads, {})), 1e-12) << rank;
    EXPECT_LT(WorstError(heads, JointSvdHead(heads, SomeMetric(9))), 1e-12) << rank;
    EXPECT_GT(WorstError(heads, ProcrustesHead(heads)), 0.1) << "the control: rotations only";
  }
}

TEST(SharedHead, WhatTheDecompositionLosesIsTheTailOfTheSpectrum) {
  const at::Tensor heads = Draw({kHeads, kWidth, kModel}, 10);
  const HeadMetric metric = SomeMetric(11);
  // The spectrum from the other side: eigenvalues of sum_n F^T W_n^T G_n W_n F, F symmetric.
  const auto [values, vectors] = at::linalg_eigh(metric.input_dd);
  const at::Tensor root = at::mm(vectors * values.sqrt(), vectors.t());
  const at::Tensor inner =
      at::matmul(heads.transpose(1, 2), at::matmul(metric.output_nee, heads)).sum(0);
  const at::Tensor spectrum =
      std::get<0>(at::linalg_eigh(at::mm(root, at::mm(inner, root))));  // ascending
  const double tail = spectrum.narrow(0, 0, kModel - kWidth).sum().item<double>();
  const SharedHead best = JointSvdHead(heads, metric);
  EXPECT_NEAR(WeightedLoss(heads, metric, best), tail, 1e-12 * WeightedEnergy(heads, metric));
  EXPECT_NEAR(WeightedEnergy(heads, metric), spectrum.sum().item<double>(), 1e-9);
  EXPECT_GT(tail, 0.01 * WeightedEnergy(heads, metric)) << "the control: there is a tail";
}

TEST(SharedHead, NothingCostsLessThanTheDecompositionUnderItsMetric) {
  for (uint64_t seed = 20; seed < 30; ++seed) {
    const at::Tensor heads = Draw({kHeads, kWidth, kModel}, seed);
    const HeadMetric metric = SomeMetric(seed + 100);
    const SharedHead best = JointSvdHead(heads, metric);
    const double least = WeightedLoss(heads, metric, best);
    for (const auto& [name, merge] : Methods(metric))
      EXPECT_LE(least, WeightedLoss(heads, metric, merge(heads)) * (1 + 1e-12)) << name;
    SharedHead near = best;
    near.shared_ed = best.shared_ed + 1e-3 * Draw({kWidth, kModel}, seed + 200);
    EXPECT_GT(WeightedLoss(heads, metric, near), least);
    near = best;
    near.maps_nee = best.maps_nee + 1e-3 * Draw({kHeads, kWidth, kWidth}, seed + 300);
    EXPECT_GT(WeightedLoss(heads, metric, near), least);
  }
}

TEST(SharedHead, NormsAreRestored) {
  const at::Tensor heads = Draw({kHeads, kWidth, kModel}, 40);
  const double mean_norm = heads.flatten(1).norm(2, 1).mean().item<double>();
  for (const auto& [name, merge] : Methods(SomeMetric(41))) {
    const double norm = merge(heads).shared_ed.norm().item<double>();
    if (name == "mean" || name == "first") continue;
    EXPECT_NEAR(norm, mean_norm, 1e-9) << name;
  }
  EXPECT_LT(MeanHead(heads).shared_ed.norm().item<double>(), 0.8 * mean_norm) << "the control";
}

TEST(SharedHead, HeadsOfZerosAndMomentsOfZeroAreNoError) {
  const at::Tensor none = at::zeros({kHeads, kWidth, kModel}, at::kDouble);
  for (const auto& [name, merge] : Methods(SomeMetric(50)))
    EXPECT_EQ(WorstError(none, merge(none)), 0) << name;
  const HeadMetric unseen{Ridged(at::zeros({kModel, kModel}, at::kDouble)),
                          Ridged(at::zeros({kHeads, kWidth, kWidth}, at::kDouble))};
  const at::Tensor heads = Draw({kHeads, kWidth, kModel}, 51);
  const SharedHead by = JointSvdHead(heads, unseen);
  EXPECT_NEAR(WeightedLoss(heads, {}, by), WeightedLoss(heads, {}, JointSvdHead(heads, {})), 1e-9);
}

}  // namespace
}  // namespace regroup
