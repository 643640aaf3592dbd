// Head + cross-entropy + z-loss against the composite form, over one chunk and over many.
#include "ops/head_loss.h"

#include <gtest/gtest.h>

#include "unit/ops/numbers.h"

namespace regroup {
namespace {

at::Tensor Targets(int64_t n, int64_t v) { return at::arange(n, at::kLong).mul(7919).remainder(v); }

at::Tensor Composite(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& target,
                     double z_loss) {
  const at::Tensor logits = at::mm(hidden, head.t());
  const at::Tensor log_z = at::logsumexp(logits, 1);
  const at::Tensor picked = logits.gather(1, target.unsqueeze(1)).squeeze(1);
  return (log_z - picked).sum() + z_loss * log_z.square().sum();
}

void ExpectEqualsComposite(int64_t n, int64_t v, double z_loss) {
  const at::Tensor target = Targets(n, v);
  const std::vector<at::Tensor> inputs = {RandomDoubles({n, 4}, 1), RandomDoubles({v, 4}, 2)};
  const auto ours = Differentiate(
      [&](const auto& i) { return HeadCrossEntropy(i[0], i[1], target, z_loss).loss_sum; }, inputs);
  const auto want =
      Differentiate([&](const auto& i) { return Composite(i[0], i[1], target, z_loss); }, inputs);
  EXPECT_NEAR(ours.value.item<double>() / want.value.item<double>(), 1, 1e-12);
  EXPECT_LT(LargestDifference(ours.gradients[0], want.gradients[0]), 1e-11);
  EXPECT_LT(LargestDifference(ours.gradients[1], want.gradients[1]), 1e-11);
}

TEST(HeadCrossEntropy, ValueAndGradientsEqualTheCompositeForm) {
  ExpectEqualsComposite(9, 31, 0);
  ExpectEqualsComposite(9, 31, 0.05);
}

TEST(HeadCrossEntropy, ManyChunksGiveWhatOneGives) { ExpectEqualsComposite(39, 140000, 0.01); }

TEST(HeadCrossEntropy, TokenLossesAreCrossEntropyWithoutZLoss) {
  const at::Tensor hidden = RandomDoubles({6, 4}, 1), head = RandomDoubles({11, 4}, 2);
  const at::Tensor target = Targets(6, 11);
  const HeadLoss loss = HeadCrossEntropy(hidden, head, target, 0.5);
  const at::Tensor want =
      at::cross_entropy_loss(at::mm(hidden, head.t()), target, {}, at::Reduction::None);
  EXPECT_LT(LargestDifference(loss.token_loss_n, want), 1e-12);
  EXPECT_FALSE(loss.token_loss_n.requires_grad());
  EXPECT_FALSE(loss.loss_sum.requires_grad());
}

TEST(HeadCrossEntropy, HugeLogitsStayFinite) {
  const at::Tensor hidden = at::full({1, 1}, 1e4),
                   head = at::tensor({1.0F, -1.0F, 0.5F}).view({3, 1});
  const HeadLoss loss = HeadCrossEntropy(hidden, head, at::tensor({1}, at::kLong), 0);
  EXPECT_FLOAT_EQ(loss.loss_sum.item<float>(), 2e4F);
}

TEST(HeadCrossEntropy, HalfPrecisionGivesFp32LossAndTheMastersTypeOfGradient) {
  const at::Tensor head = RandomDoubles({50, 8}, 2).to(at::kFloat).set_requires_grad(true);
  const at::Tensor hidden = RandomDoubles({12, 8}, 1).to(at::kBFloat16).set_requires_grad(true);
  const at::Tensor target = Targets(12, 50);
  const HeadLoss loss = HeadCrossEntropy(hidden, head, target, 0);
  EXPECT_EQ(loss.loss_sum.scalar_type(), at::kFloat);
  const auto gradients = torch::autograd::grad({loss.loss_sum}, {hidden, head});
  EXPECT_EQ(gradients[0].scalar_type(), at::kBFloat16);
  EXPECT_EQ(gradients[1].scalar_type(), at::kFloat);
  const double want =
      Composite(hidden.detach().to(at::kDouble), head.detach().to(at::kDouble), target, 0)
          .item<double>();
  EXPECT_NEAR(loss.loss_sum.item<double>() / want, 1, 0.01);
}

}  // namespace
}  // namespace regroup
