// Gated GELU, dropout masks and the relative bias.
#include <gtest/gtest.h>

#include "ops/activation.h"
#include "ops/dropout.h"
#include "ops/relative_bias.h"
#include "unit/ops/numbers.h"

namespace regroup {
namespace {

TEST(GatedGelu, ValueAndGradientEqualTheCompositeForm) {
  const std::vector<at::Tensor> inputs = {RandomDoubles({2, 3, 10}, 1) * 2};
  const auto ours = Differentiate([](const auto& i) { return GatedGelu(i[0]); }, inputs);
  const auto want = Differentiate(
      [](const auto& i) {
        const auto half = i[0].chunk(2, -1);
        return at::gelu(half[0], "tanh") * half[1];
      },
      inputs);
  EXPECT_LT(LargestDifference(ours.value, want.value), 1e-14);
  EXPECT_LT(LargestDifference(ours.gradients[0], want.gradients[0]), 1e-13);
}

at::Tensor Mask(const DropoutOptions& options, const std::vector<uint64_t>& positions,
                uint32_t site = 3, int64_t streams = 4, int64_t width = 100) {
  return DropoutMask(options, positions, site, streams, width, at::kDouble);
}

TEST(DropoutMask, KeepsTheAskedShareAndItsMean) {
  const at::Tensor mask = Mask({0.2, 1, 0}, {0, 1, 2, 3, 4, 5, 6, 7}, 0, 8, 1000);
  EXPECT_NEAR(mask.eq(0).to(at::kDouble).mean().item<double>(), 0.2, 0.01);
  EXPECT_NEAR(mask.max().item<double>(), 1.25, 1e-6);
  EXPECT_FALSE(Mask({0, 1, 0}, {0}).defined());
}

TEST(DropoutMask, ARowsMaskDependsOnItsPositionAlone) {
  const DropoutOptions options{0.5, 7, 2};
  const at::Tensor together = Mask(options, {40, 41, 42});
  EXPECT_TRUE(at::equal(together[1], Mask(options, {41})[0]));
  EXPECT_TRUE(at::equal(together.narrow(2, 0, 60), Mask(options, {40, 41, 42}, 3, 4, 60)));
}

TEST(DropoutMask, SeedStepSitePositionAndStreamEachChangeIt) {
  const at::Tensor mask = Mask({0.5, 7, 2}, {40});
  EXPECT_TRUE(at::equal(mask, Mask({0.5, 7, 2}, {40})));
  EXPECT_FALSE(at::equal(mask, Mask({0.5, 8, 2}, {40})));
  EXPECT_FALSE(at::equal(mask, Mask({0.5, 7, 3}, {40})));
  EXPECT_FALSE(at::equal(mask, Mask({0.5, 7, 2}, {41})));
  EXPECT_FALSE(at::equal(mask, Mask({0.5, 7, 2}, {40}, 4)));
  EXPECT_FALSE(at::equal(mask[0][0], mask[0][1]));
}

TEST(RelativeBias, IsTheTableAtTheBucketsWithTheirGradients) {
  for (const bool bidirectional : {true, false}) {
    const RelativeBuckets how{bidirectional, 8, 20};
    const auto composite = [&](const auto& i) {
      return at::embedding(i[0], RelativePositionBuckets(30, 9, how, at::kCPU))
          .permute({2, 0, 1})
          .unsqueeze(0);
    };
    const std::vector<at::Tensor> table = {RandomDoubles({8, 3}, 1)};
    const auto ours =
        Differentiate([&](const auto& i) { return RelativeBias(i[0], 30, 9, how); }, table);
    const auto want = Differentiate(composite, table);
    EXPECT_TRUE(at::equal(ours.value, want.value));
    EXPECT_LT(LargestDifference(ours.gradients[0], want.gradients[0]), 1e-12);
  }
}

TEST(RelativeBias, TheDecoderPutsLaterKeysIntoBucketZeroAndFarOnesIntoTheLast) {
  const at::Tensor buckets = RelativePositionBuckets(300, 300, {false, 32, 128}, at::kCPU);
  EXPECT_EQ(buckets[3][200].item<int64_t>(), 0);
  EXPECT_EQ(buckets[10][0].item<int64_t>(), 10);
  EXPECT_EQ(buckets[299][0].item<int64_t>(), 31);
}

}  // namespace
}  // namespace regroup
