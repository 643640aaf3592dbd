// State, norms, clipping and schedules. The formulas themselves are held by tests/golden/optim.
#include "optim/optimizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace regroup {
namespace {

StateDict Weights() {
  return {{"matrix", at::arange(130 * 140, at::kFloat).sin_().view({130, 140})},
          {"vector", at::arange(1, 9, at::kFloat)}};
}

StateDict Gradients(int step) {
  StateDict out;
  for (const auto& [name, w] : Weights()) out[name] = (w * (1.3 + step)).cos();
  return out;
}

OptimizerConfig Config(const std::string& name) {
  OptimizerConfig config;
  config.name = name;
  config.weight_decay = 0.01;
  return config;
}

class OptimizerTest : public testing::TestWithParam<const char*> {};

TEST_P(OptimizerTest, GoesOnBitForBitFromItsSavedState) {
  StateDict never_stopped = Weights();
  const auto optimizer = MakeOptimizer(Config(GetParam()));
  StateDict resumed, state;
  for (int step = 0; step < 6; ++step) {
    if (step == 3) {
      state = optimizer->State();
      for (const auto& [name, w] : never_stopped) resumed[name] = w.clone();
    }
    optimizer->Step(never_stopped, Gradients(step), 0.01);
  }
  const auto second = MakeOptimizer(Config(GetParam()));
  ASSERT_TRUE(second->Restore(state).ok());
  const StateDict again = second->State();
  ASSERT_EQ(again.size(), state.size());
  for (const auto& [name, tensor] : state) EXPECT_TRUE(at::equal(tensor, again.at(name))) << name;
  for (int step = 3; step < 6; ++step) second->Step(resumed, Gradients(step), 0.01);
  for (const auto& [name, w] : resumed) EXPECT_TRUE(at::equal(w, never_stopped.at(name))) << name;
}

TEST_P(OptimizerTest, StateIsACopyThatLaterStepsLeaveAlone) {
  StateDict weights = Weights();
  const auto optimizer = MakeOptimizer(Config(GetParam()));
  optimizer->Step(weights, Gradients(0), 0.01);
  const StateDict state = optimizer->State();
  StateDict copy;
  for (const auto& [name, tensor] : state) copy[name] = tensor.clone();
  optimizer->Step(weights, Gradients(1), 0.01);
  for (const auto& [name, tensor] : state) EXPECT_TRUE(at::equal(tensor, copy.at(name))) << name;
  EXPECT_EQ(copy.at("step/vector").item<int64_t>(), 1);
}

TEST_P(OptimizerTest, RefusesAStateThatIsNotItsOwn) {
  const auto optimizer = MakeOptimizer(Config(GetParam()));
  const at::Tensor one = at::scalar_tensor(1, at::kLong);
  const auto refused = [&](const StateDict& state) {
    const absl::Status status = optimizer->Restore(state);
    return ExitCode(status) == 2;
  };
  EXPECT_TRUE(refused({{"strange", at::ones({2})}}));
  EXPECT_TRUE(refused({{"step/w", one}}));
  EXPECT_TRUE(refused({{"step/w", one}, {"q/w", at::ones({2})}}));
  EXPECT_TRUE(refused({{"step/w", at::ones({1})}, {"v/w", at::ones({2})}, {"m/w", at::ones({2})}}));
  EXPECT_TRUE(refused({{"step/w", one}, {"v/w", at::ones({2}, at::kDouble)}}));
}

TEST_P(OptimizerTest, ATensorWithoutSlotsStartsAtStepZero) {
  StateDict weights = Weights(), twin = {{"vector", Weights().at("vector")}};
  const auto optimizer = MakeOptimizer(Config(GetParam()));
  StateDict matrix = {{"matrix", weights.at("matrix")}};
  optimizer->Step(matrix, {{"matrix", Gradients(0).at("matrix")}}, 0.01);
  optimizer->Step(weights, Gradients(1), 0.01);
  MakeOptimizer(Config(GetParam()))->Step(twin, {{"vector", Gradients(1).at("vector")}}, 0.01);
  EXPECT_TRUE(at::equal(weights.at("vector"), twin.at("vector")));
}

TEST_P(OptimizerTest, ZeroGradientsKeepWeightsFinite) {
  StateDict weights = Weights(), zeros;
  for (const auto& [name, w] : weights) zeros[name] = at::zeros_like(w);
  const auto optimizer = MakeOptimizer(Config(GetParam()));
  for (int step = 0; step < 3; ++step) optimizer->Step(weights, zeros, 0.01);
  for (const auto& [name, w] : weights) EXPECT_TRUE(w.isfinite().all().item<bool>()) << name;
}

INSTANTIATE_TEST_SUITE_P(Both, OptimizerTest, testing::Values("adafactor", "adamw"));

TEST(Adafactor, FactorsOnlyWhereBothLongestAxesReach128) {
  StateDict weights = {{"both", at::ones({128, 300})},
                       {"one", at::ones({127, 300})},
                       {"cube", at::ones({2, 128, 130})},
                       {"flat", at::ones({4096})}};
  StateDict gradients;
  for (const auto& [name, w] : weights) gradients[name] = at::ones_like(w);
  const auto optimizer = MakeOptimizer({});
  optimizer->Step(weights, gradients, 0.01);
  const StateDict state = optimizer->State();
  EXPECT_EQ(state.at("vr/both").sizes(), at::IntArrayRef({128}));
  EXPECT_EQ(state.at("vc/both").sizes(), at::IntArrayRef({300}));
  EXPECT_EQ(state.at("vr/cube").sizes(), at::IntArrayRef({2, 128}));
  EXPECT_EQ(state.at("vc/cube").sizes(), at::IntArrayRef({2, 130}));
  EXPECT_EQ(state.at("v/one").sizes(), at::IntArrayRef({127, 300}));
  EXPECT_TRUE(state.contains("v/flat"));
  EXPECT_EQ(state.size(), 6 + weights.size());
}

TEST(GlobalNorm, IsTakenInDoubleOverAllTensors) {
  EXPECT_DOUBLE_EQ(GlobalNorm({{"a", at::full({9}, 1.0F)}, {"b", at::full({4}, 2.0F)}}), 5.0);
  // 3e25 squared is beyond fp32.
  EXPECT_NEAR(GlobalNorm({{"a", at::full({1}, 3e25F)}, {"b", at::full({1}, 4e25F)}}) / 5e25, 1,
              1e-6);
  EXPECT_TRUE(std::isnan(GlobalNorm({{"a", at::full({2}, NAN)}})));
}

TEST(ClipByNorm, ScalesOnlyWhatIsLargerThanTheLimit) {
  StateDict gradients = {{"a", at::full({4}, 3.0F)}};
  ClipByNorm(gradients, 6.0, 0);
  ClipByNorm(gradients, 6.0, 6.0);
  EXPECT_EQ(gradients.at("a")[0].item<float>(), 3.0F);
  ClipByNorm(gradients, 6.0, 1.5);
  EXPECT_FLOAT_EQ(gradients.at("a")[0].item<float>(), 0.75F);
}

TEST(LearningRate, RsqrtIsFlatUntilWarmupAndTheOffsetMovesIt) {
  ScheduleConfig c;
  c.schedule = "rsqrt";
  c.rate = 1;
  c.warmup_steps = 10000;
  EXPECT_DOUBLE_EQ(LearningRate(c, 0, 100), 0.01);
  EXPECT_DOUBLE_EQ(LearningRate(c, 9999, 100), 0.01);
  EXPECT_DOUBLE_EQ(LearningRate(c, 1000000, 100), 0.001);
  c.step_offset = 1000000;
  EXPECT_DOUBLE_EQ(LearningRate(c, 0, 100), 0.001);
}

TEST(LearningRate, LinearEndsAtTheStagesLastStepUnlessDecayStepsSay) {
  ScheduleConfig c;
  c.schedule = "linear";
  c.rate = 1;
  EXPECT_DOUBLE_EQ(LearningRate(c, 25, 100), 0.75);
  EXPECT_DOUBLE_EQ(LearningRate(c, 200, 100), 0);
  c.decay_steps = 50;
  EXPECT_DOUBLE_EQ(LearningRate(c, 25, 100), 0.5);
  c.schedule = "cosine";
  EXPECT_DOUBLE_EQ(LearningRate(c, 90, 100), 0);
}

}  // namespace
}  // namespace regroup
