// The learned merge: one step against autograd through the weighted sum, folding, saved state.
#include "optim/learned_merge.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "optim/slots.h"

namespace regroup {
namespace {

constexpr int64_t kHeads = 6, kGroups = 2, kWidth = 3, kModel = 5;

at::Tensor Waves(at::IntArrayRef shape, double phase) {
  return at::arange(at::tensor(shape).prod().item<int64_t>(), at::kFloat)
      .mul_(0.7)
      .add_(phase)
      .sin_()
      .view(shape);
}

// theta <- theta - rate g, so that a step shows the gradient itself.
class PlainDescent final : public SlotOptimizer {
 protected:
  void Update(const std::string&, at::Tensor& p, const at::Tensor& g, double rate,
              Slots&) const override {
    p.sub_(g, rate);
  }
  std::vector<std::vector<std::string>> SlotSets() const override { return {{}}; }
};

at::Tensor Folded(const at::Tensor& heads_nd, const at::Tensor& weights_n) {
  const at::Tensor weighted =
      heads_nd.view({kHeads, kWidth, kModel}) * weights_n.view({kHeads, 1, 1});
  return weighted.view({kGroups, kHeads / kGroups, kWidth, kModel})
      .sum(1)
      .view({kGroups * kWidth, kModel});
}

struct Problem {
  at::Tensor heads = Waves({kHeads * kWidth, kModel}, 0.1);
  at::Tensor mean = Folded(heads, at::full({kHeads}, 1.0 / 3, at::kFloat));
  StateDict weights = {{"k", mean.clone()}, {"other", Waves({4}, 1)}, {"frozen", Waves({4}, 2)}};
  StateDict gradients = {{"k", Waves({kGroups * kWidth, kModel}, 3)}, {"other", Waves({4}, 4)}};
};

TEST(LearnedMerge, AStepIsTheOneThatAutogradGivesHeadsAndWeights) {
  Problem problem;
  const auto optimizer =
      LearnMerge(std::make_unique<PlainDescent>(), {{"k", problem.heads}}, kWidth);
  const at::Tensor other = problem.weights.at("other").clone();
  optimizer->Step(problem.weights, problem.gradients, 0.5);

  at::Tensor heads = problem.heads.clone().set_requires_grad(true);
  at::Tensor w = at::full({kHeads}, 1.0 / 3, at::kFloat).set_requires_grad(true);
  const auto grads =
      torch::autograd::grad({(Folded(heads, w) * problem.gradients.at("k")).sum()}, {heads, w});
  const at::Tensor want = Folded(heads.detach() - 0.5 * grads[0], w.detach() - 0.5 * grads[1]);
  EXPECT_TRUE(at::allclose(problem.weights.at("k"), want, 1e-6, 1e-6));
  EXPECT_GT((w.detach() - 0.5 * grads[1]).std().item<double>(), 0.1);  // the weights did move
  EXPECT_FALSE(at::allclose(problem.weights.at("k"), problem.mean, 1e-3, 1e-3));
  EXPECT_TRUE(at::equal(problem.weights.at("other"), other - 0.5 * problem.gradients.at("other")));
  EXPECT_TRUE(at::equal(problem.weights.at("frozen"), Waves({4}, 2)));
}

TEST(LearnedMerge, AStepOfNoLengthLeavesTheMean) {
  Problem problem;
  const auto optimizer =
      LearnMerge(std::make_unique<PlainDescent>(), {{"k", problem.heads}}, kWidth);
  optimizer->Step(problem.weights, problem.gradients, 0);
  EXPECT_TRUE(at::allclose(problem.weights.at("k"), problem.mean, 1e-6, 1e-7));
}

TEST(LearnedMerge, GoesOnBitForBitFromItsSavedState) {
  OptimizerConfig config;
  config.name = "adafactor";
  Problem whole, stopped;
  const auto never = LearnMerge(MakeOptimizer(config), {{"k", whole.heads}}, kWidth);
  const auto first = LearnMerge(MakeOptimizer(config), {{"k", whole.heads}}, kWidth);
  for (int step = 0; step < 4; ++step) never->Step(whole.weights, whole.gradients, 0.1);
  for (int step = 0; step < 2; ++step) first->Step(stopped.weights, stopped.gradients, 0.1);
  const StateDict state = first->State();
  EXPECT_TRUE(state.contains("value/k.merge") && state.contains("value/k.heads"));
  const auto second = LearnMerge(MakeOptimizer(config), {{"k", whole.heads}}, kWidth);
  ASSERT_TRUE(second->Restore(state).ok());
  for (int step = 0; step < 2; ++step) second->Step(stopped.weights, stopped.gradients, 0.1);
  for (const auto& [name, w] : whole.weights)
    EXPECT_TRUE(at::equal(w, stopped.weights.at(name))) << name;
}

TEST(LearnedMerge, RefusesHeadsOfAnotherShape) {
  Problem problem;
  const auto optimizer =
      LearnMerge(std::make_unique<PlainDescent>(), {{"k", problem.heads}}, kWidth);
  const absl::Status status =
      optimizer->Restore({{"value/k.heads", at::zeros({3, 5})}, {"value/k.merge", at::zeros({6})}});
  EXPECT_EQ(ExitCode(status), 2);
}

}  // namespace
}  // namespace regroup
