// RMS norm against the composite form, values and gradients.
#include "ops/rms_norm.h"

#include <gtest/gtest.h>

#include "unit/ops/numbers.h"

namespace regroup {
namespace {

at::Tensor Composite(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return x * at::rsqrt(x.square().mean(-1, true) + eps) * weight;
}

TEST(RmsNorm, ValueAndGradientsEqualTheCompositeForm) {
  const std::vector<at::Tensor> inputs = {RandomDoubles({3, 5, 16}, 1), RandomDoubles({16}, 2)};
  const auto ours = Differentiate([](const auto& i) { return RmsNorm(i[0], i[1], 1e-2); }, inputs);
  const auto want =
      Differentiate([](const auto& i) { return Composite(i[0], i[1], 1e-2); }, inputs);
  EXPECT_LT(LargestDifference(ours.value, want.value), 1e-13);
  EXPECT_LT(LargestDifference(ours.gradients[0], want.gradients[0]), 1e-12);
  EXPECT_LT(LargestDifference(ours.gradients[1], want.gradients[1]), 1e-12);
}

TEST(RmsNorm, HalfPrecisionTakesTheMeanInFp32) {
  // A sum of 4096 equal squares would stop growing long before its end in bf16.
  const at::Tensor x = at::full({1, 4096}, 3.0, at::kBFloat16);
  const at::Tensor y = RmsNorm(x, at::ones({4096}, at::kBFloat16), 0);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_EQ(y[0][7].item<float>(), 1.0F);
}

TEST(RmsNorm, HalfPrecisionGradientsAreNearTheDoubleOnes) {
  const std::vector<at::Tensor> inputs = {RandomDoubles({8, 32}, 1), RandomDoubles({32}, 2)};
  const std::vector<at::Tensor> half = {inputs[0].to(at::kBFloat16), inputs[1].to(at::kBFloat16)};
  const auto ours = Differentiate([](const auto& i) { return RmsNorm(i[0], i[1], 1e-6); }, half);
  const auto want =
      Differentiate([](const auto& i) { return Composite(i[0], i[1], 1e-6); }, inputs);
  EXPECT_LT(LargestDifference(ours.gradients[0], want.gradients[0]), 0.1);
  EXPECT_LT(LargestDifference(ours.gradients[1], want.gradients[1]), 0.2);
  EXPECT_EQ(ours.gradients[1].scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace regroup
