// Ten training steps, model and optimizer together, against a loop of transformers with T5X's
// Adafactor written out in Python.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/json.h"
#include "golden/model/t5_cases.h"
#include "model/t5.h"
#include "optim/optimizer.h"

namespace regroup {
namespace {

std::vector<double> TrainLosses(const Json& golden, OptimizerConfig config) {
  const golden::Case c = golden::Training();
  T5Model model(c.config, golden::FormulaWeights(c), at::kFloat);
  model.RequireGrad(true);
  const BatchTensors batch = golden::FormulaBatch(c);
  const auto optimizer = MakeOptimizer(config);
  const double rate = golden.at("rate");
  std::vector<double> losses;
  for (size_t step = 0; step < golden.at("losses").size(); ++step) {
    const at::Tensor loss =
        model.Loss(batch, c.z_loss).loss_sum / static_cast<double>(batch.target_tokens);
    loss.backward();
    losses.push_back(loss.item<double>());
    StateDict gradients;
    for (auto& [name, tensor] : model.weights()) {
      gradients[name] = tensor.grad();
      tensor.mutable_grad().reset();
    }
    optimizer->Step(model.weights(), gradients, rate);
  }
  return losses;
}

double WorstDifference(const std::vector<double>& found, const Json& want) {
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(found[i] / want[i].get<double>() - 1));
  }
  return worst;
}

TEST(TrainingGolden, LossesOfTenStepsEqualTheReferenceLoop) {
  const auto golden = ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/training.json");
  ASSERT_TRUE(golden.ok()) << golden.status();
  ASSERT_EQ(golden->at("losses").size(), 10U);
  const double worst = WorstDifference(TrainLosses(*golden, {}), golden->at("losses"));
  std::printf("  largest relative difference of ten losses: %.1e\n", worst);
  EXPECT_LE(worst, 1e-5);
}

TEST(TrainingGolden, ControlWithoutParameterScaleFails) {
  const auto golden = ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/training.json");
  ASSERT_TRUE(golden.ok()) << golden.status();
  OptimizerConfig config;
  config.multiply_by_parameter_scale = false;
  EXPECT_GT(WorstDifference(TrainLosses(*golden, config), golden->at("losses")), 1e-3);
}

}  // namespace
}  // namespace regroup
