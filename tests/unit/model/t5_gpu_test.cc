// The model on a CUDA device against itself on the CPU: losses and gradients.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "model/t5.h"

namespace regroup {
namespace {

T5Config Small() {
  ModelConfig model;
  model.d_model = 64;
  model.d_kv = 16;
  model.num_heads = 4;
  model.d_ff = 128;
  model.num_layers = 2;
  model.num_decoder_layers = 2;
  T5Config config = MakeT5Config(model, 200);
  config.kv_heads = {{4, 2}, {2, 1}, {1, 4}};
  return config;
}

std::vector<Example> Rows() {
  std::vector<Example> rows(6);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].position = i;
    for (size_t k = 0; k < 5 + 9 * i; ++k)
      rows[i].input_ids.push_back(static_cast<int32_t>((k * 37 + i * 11) % 190 + 3));
    for (size_t k = 0; k < 3 + 4 * i; ++k)
      rows[i].target_ids.push_back(static_cast<int32_t>((k * 53 + i * 7) % 190 + 3));
  }
  return rows;
}

struct Result {
  double loss = 0;
  StateDict gradients;  // on the CPU
};

Result LossOn(at::Device device, at::ScalarType compute) {
  StateDict weights = InitializeWeights(Small(), 1);
  for (auto& [name, tensor] : weights) tensor = tensor.to(device);
  T5Model model(Small(), weights, compute);
  model.RequireGrad(true);
  const LossOutput out = model.Loss(ToTensors(Collate(Rows()), Small(), device), 1e-4);
  out.loss_sum.backward();
  Result result{out.loss_sum.item<double>(), {}};
  for (const auto& [name, tensor] : model.weights())
    result.gradients[name] = tensor.grad().to(at::kCPU, at::kDouble);
  return result;
}

// Of the worst tensor, relative to its gradient's RMS.
double WorstGradient(const Result& a, const Result& b) {
  double worst = 0;
  for (const auto& [name, gradient] : a.gradients) {
    const at::Tensor difference = (gradient - b.gradients.at(name)).abs().max();
    const double rms = gradient.pow(2).mean().sqrt().item<double>();
    worst = std::max(worst, difference.item<double>() / (rms + 1e-12));
  }
  return worst;
}

TEST(ModelOnGpu, LossAndGradientsAreTheCpus) {
  ASSERT_TRUE(at::hasCUDA()) << "the label gpu runs where a device is";
  const Result cpu = LossOn(at::kCPU, at::kFloat), gpu = LossOn(at::kCUDA, at::kFloat);
  EXPECT_NEAR(gpu.loss, cpu.loss, 1e-5 * cpu.loss);
  EXPECT_LT(WorstGradient(cpu, gpu), 1e-3);  // sums in another order
}

TEST(ModelOnGpu, Bf16StaysNearFp32) {
  ASSERT_TRUE(at::hasCUDA());
  const Result wide = LossOn(at::kCUDA, at::kFloat), narrow = LossOn(at::kCUDA, at::kBFloat16);
  EXPECT_NEAR(narrow.loss, wide.loss, 0.01 * wide.loss);
  EXPECT_NE(narrow.loss, wide.loss) << "the control: bf16 is in use";
}

}  // namespace
}  // namespace regroup
