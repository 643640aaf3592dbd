// Optimizers on recorded gradients and schedules, against numpy and transformers. How optim.json
// was made: tests/golden/README.md.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/json.h"
#include "golden/formula.h"
#include "optim/optimizer.h"

namespace regroup {
namespace {

const std::map<std::string, std::vector<int64_t>>& Shapes() {
  static const auto* const shapes = new std::map<std::string, std::vector<int64_t>>{
      {"factored_wide", {130, 200}}, {"factored_tall", {200, 130}}, {"square", {128, 128}},
      {"bias_table", {32, 8}},       {"mqa_kv", {64, 256}},         {"norm", {160}},
      {"small_scale", {6, 5}}};
  return *shapes;
}

StateDict Weights() {
  StateDict weights;
  for (const auto& [name, shape] : Shapes()) {
    const double scale = name == "norm" ? 0.2 : name == "small_scale" ? 1e-4 : 0.1;
    weights[name] = golden::Tensor("optim/" + name, shape, scale, name == "norm" ? 1.0 : 0.0);
  }
  return weights;
}

StateDict Gradients(int step) {
  StateDict gradients;
  for (const auto& [name, shape] : Shapes()) {
    const at::Tensor g =
        golden::Tensor("optim/" + name + "/g" + std::to_string(step), shape, 1.0).to(at::kDouble);
    std::vector<int64_t> rows_shape(shape.size(), 1);
    rows_shape[0] = shape[0];
    const at::Tensor rows = golden::Tensor("optim/" + name + "/rows", {shape[0]}, 0.9, 1.0)
                                .to(at::kDouble)
                                .view(rows_shape);
    gradients[name] = (g * rows).to(at::kFloat) * (step == 4 ? 10.0 : 0.01 * (step + 1));
  }
  return gradients;
}

Json Golden() {
  auto golden = ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/optim.json");
  EXPECT_TRUE(golden.ok()) << golden.status();
  return *std::move(golden);
}

// Largest difference of the sampled values over their root mean square.
double Difference(const at::Tensor& found, const Json& want, int64_t samples) {
  const int64_t stride = std::max<int64_t>(1, found.numel() / samples);
  const at::Tensor flat = found.flatten();
  double worst = 0, squares = 0;
  EXPECT_EQ(static_cast<int64_t>(want.size()), (found.numel() + stride - 1) / stride);
  for (size_t i = 0; i < want.size(); ++i) {
    const double value = want[i];
    worst =
        std::max(worst, std::abs(flat[static_cast<int64_t>(i) * stride].item<double>() - value));
    squares += value * value;
  }
  return worst / std::sqrt(squares / static_cast<double>(want.size()));
}

// Largest difference of weights after 1 and 10 steps and of slots after 10.
double WorstDifference(const OptimizerConfig& config, double rate, const std::string& key) {
  const Json golden = Golden();
  const int64_t samples = golden.at("samples");
  StateDict weights = Weights();
  const auto optimizer = MakeOptimizer(config);
  double worst = 0;
  for (int step = 0; step < 10; ++step) {
    optimizer->Step(weights, Gradients(step), rate);
    if (step != 0 && step != 9) continue;
    for (const auto& [name, tensor] : weights) {
      const Json& want = golden.at(key).at(name).at(step == 0 ? "after_1" : "after_10");
      worst = std::max(worst, Difference(tensor, want, samples));
    }
  }
  const StateDict state = optimizer->State();
  size_t slots = 0;
  for (const auto& [name, tensor] : weights) {
    for (const auto& [slot, want] : golden.at(key).at(name).at("slots").items()) {
      worst = std::max(worst, Difference(state.at(slot + "/" + name), want, samples));
      ++slots;
    }
    EXPECT_EQ(state.at("step/" + name).item<int64_t>(), 10);
  }
  EXPECT_EQ(state.size(), slots + weights.size());
  std::printf("  %s: largest difference %.1e\n", key.c_str(), worst);
  return worst;
}

OptimizerConfig AdamW(bool scaled) {
  OptimizerConfig config;
  config.name = "adamw";
  config.rms_scaled = scaled;
  config.weight_decay = 0.1;
  return config;
}

TEST(OptimGolden, AdafactorFollowsT5XOnFactoredAndUnfactoredTensors) {
  EXPECT_LE(WorstDifference({}, 0.03, "adafactor"), 1e-5);
  OptimizerConfig decay;
  decay.weight_decay = 0.01;
  EXPECT_LE(WorstDifference(decay, 0.03, "adafactor_decay"), 1e-5);
}

TEST(OptimGolden, AdamWIsPyTorchsAndItsScaledFormMultipliesByTheRms) {
  EXPECT_LE(WorstDifference(AdamW(false), 0.01, "adamw"), 1e-5);
  EXPECT_LE(WorstDifference(AdamW(true), 0.01, "adamw_scaled"), 1e-5);
}

TEST(OptimGolden, ControlAnotherDecayRateOrNoClipFails) {
  OptimizerConfig config;
  config.decay_rate = 0.9;
  EXPECT_GT(WorstDifference(config, 0.03, "adafactor"), 1e-3);
  config = {};
  config.update_clip = 0;
  EXPECT_GT(WorstDifference(config, 0.03, "adafactor"), 1e-3);
}

// Largest difference of a schedule from the golden, when its step is `shift` too high.
double ScheduleDifference(const std::string& name, const Json& want, int64_t shift) {
  ScheduleConfig schedule;
  schedule.schedule = name;
  schedule.rate = 0.5;
  schedule.warmup_steps = 4;
  double worst = 0;
  for (size_t step = 0; step < want.size(); ++step) {
    const double rate = LearningRate(schedule, static_cast<int64_t>(step) + shift, 12);
    worst = std::max(worst, std::abs(rate - want[step].get<double>()));
  }
  return worst;
}

TEST(OptimGolden, SchedulesHaveTheValuesOfTransformersAndT5X) {
  const Json golden = Golden().at("schedules");
  EXPECT_EQ(golden.size(), 4U);
  for (const auto& [name, want] : golden.items()) {
    EXPECT_LE(ScheduleDifference(name, want, 0), 1e-12) << name;
  }
}

TEST(OptimGolden, ControlSchedulesThatCountFromOneFail) {
  const Json golden = Golden().at("schedules");
  for (const auto& [name, want] : golden.items()) {
    EXPECT_GT(ScheduleDifference(name, want, 1), 0.01) << name;
  }
}

}  // namespace
}  // namespace regroup
