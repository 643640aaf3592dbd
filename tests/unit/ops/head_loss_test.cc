// Head + cross-entropy + z-loss against the composite form, over one chunk and over many.
#include "ops/head_loss.h"

#include <gtest/gtest.h>

#include <cmath>

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

// (1 - w) cross-entropy + w T^2 KL(teacher || student) + z-loss from whole matrices of logits.
at::Tensor CompositeWithTeacher(const at::Tensor& hidden, const at::Tensor& head,
                                const at::Tensor& target, double z_loss,
                                const SoftTargets& teacher) {
  const at::Tensor logits = at::mm(hidden, head.t());
  at::Tensor wanted = at::mm(teacher.hidden_nd, teacher.head_vd.t()) / teacher.temperature;
  if (teacher.top_k > 0) {
    const at::Tensor smallest = std::get<0>(wanted.topk(teacher.top_k, 1)).amin(1, true);
    wanted = wanted.masked_fill(wanted < smallest, -1e300);
  }
  const at::Tensor kl = at::kl_div(at::log_softmax(logits / teacher.temperature, 1),
                                   at::softmax(wanted, 1), at::Reduction::Sum);
  const at::Tensor hard = at::cross_entropy_loss(logits, target, {}, at::Reduction::Sum);
  return hard * (1 - teacher.weight) +
         kl * (teacher.weight * teacher.temperature * teacher.temperature) +
         z_loss * at::logsumexp(logits, 1).square().sum();
}

void ExpectEqualsCompositeWithTeacher(int64_t n, int64_t v, const SoftTargets& how) {
  const at::Tensor target = Targets(n, v);
  SoftTargets teacher = how;
  teacher.hidden_nd = RandomDoubles({n, 6}, 3);
  teacher.head_vd = RandomDoubles({v, 6}, 4);
  const std::vector<at::Tensor> inputs = {RandomDoubles({n, 4}, 1), RandomDoubles({v, 4}, 2)};
  const auto ours = Differentiate(
      [&](const auto& i) { return HeadCrossEntropy(i[0], i[1], target, 0.01, &teacher).loss_sum; },
      inputs);
  const auto want = Differentiate(
      [&](const auto& i) { return CompositeWithTeacher(i[0], i[1], target, 0.01, teacher); },
      inputs);
  EXPECT_NEAR(ours.value.item<double>() / want.value.item<double>(), 1, 1e-12);
  EXPECT_LT(LargestDifference(ours.gradients[0], want.gradients[0]), 1e-11);
  EXPECT_LT(LargestDifference(ours.gradients[1], want.gradients[1]), 1e-11);
}

TEST(HeadCrossEntropy, WithATeacherValueAndGradientsEqualTheCompositeForm) {
  ExpectEqualsCompositeWithTeacher(9, 31, {{}, {}, 0.5, 1, 0});
  ExpectEqualsCompositeWithTeacher(9, 31, {{}, {}, 1, 2.5, 0});
  ExpectEqualsCompositeWithTeacher(9, 31, {{}, {}, 0.3, 0.7, 5});
  ExpectEqualsCompositeWithTeacher(39, 140000, {{}, {}, 0.3, 2, 8});  // several chunks
}

TEST(HeadCrossEntropy, ATeacherThatSaysTheSameAddsNothing) {
  const at::Tensor hidden = RandomDoubles({6, 4}, 1), head = RandomDoubles({11, 4}, 2);
  const SoftTargets itself{hidden, head, 0.5, 2, 0};
  const HeadLoss loss = HeadCrossEntropy(hidden, head, Targets(6, 11), 0.1, &itself);
  const HeadLoss plain = HeadCrossEntropy(hidden, head, Targets(6, 11), 0.1);
  EXPECT_NEAR(loss.soft_sum.item<double>(), 0, 1e-12);
  EXPECT_FALSE(plain.soft_sum.defined());
  EXPECT_EQ(loss.plain_sum.item<double>(), plain.loss_sum.item<double>());
  EXPECT_EQ(plain.plain_sum.item<double>(), plain.loss_sum.item<double>());
  const SoftTargets other{hidden * 2, head, 0.5, 2, 0};
  EXPECT_GT(HeadCrossEntropy(hidden, head, Targets(6, 11), 0.1, &other).soft_sum.item<double>(),
            0.1);
}

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

// A bf16 batch with fp32 masters, what the head makes of it, and the exact values for the same
// inputs: hidden states as they are in bf16, the head as it is in fp32.
struct HalfPrecision {
  at::Tensor loss, token_loss, dhidden, dhead;
  at::Tensor exact_loss, exact_token_loss, exact_dhidden, exact_dhead;
};

struct HalfPrecisionInputs {
  at::Tensor hidden = RandomDoubles({40, 32}, 1).to(at::kBFloat16).set_requires_grad(true);
  at::Tensor head = (RandomDoubles({500, 32}, 2) / 4).to(at::kFloat).set_requires_grad(true);
  at::Tensor target = Targets(40, 500);
};

HalfPrecision RunHalfPrecision(double z_loss, double scale) {
  const auto [hidden, head, target] = HalfPrecisionInputs();
  HalfPrecision run;
  const HeadLoss loss = HeadCrossEntropy(hidden, head, target, z_loss);
  run.loss = loss.loss_sum;
  run.token_loss = loss.token_loss_n;
  const auto found = torch::autograd::grad({run.loss * scale}, {hidden, head});
  run.dhidden = found[0];
  run.dhead = found[1];
  const std::vector<at::Tensor> exact = {hidden.detach().to(at::kDouble).set_requires_grad(true),
                                         head.detach().to(at::kDouble).set_requires_grad(true)};
  run.exact_loss = Composite(exact[0], exact[1], target, z_loss);
  run.exact_token_loss =
      at::cross_entropy_loss(at::mm(exact[0], exact[1].t()), target, {}, at::Reduction::None)
          .detach();
  const auto want = torch::autograd::grad({run.exact_loss * scale}, exact);
  run.exact_dhidden = want[0];
  run.exact_dhead = want[1];
  return run;
}

constexpr double kBf16Unit = 0x1p-8;  // largest relative error of rounding to bf16
constexpr double kFp32Noise = 1e-5;   // of the root mean square: what sums in fp32 cost

// Largest of |found - want| - allowed * |want|, over the root mean square of want.
double Excess(const at::Tensor& found, const at::Tensor& want, double allowed) {
  const at::Tensor beyond = (found.to(at::kDouble) - want).abs() - allowed * want.abs();
  return (beyond.max() / want.square().mean().sqrt()).item<double>();
}

TEST(HeadCrossEntropy, HalfPrecisionGivesFp32LossAndTheMastersTypeOfGradient) {
  for (const double z_loss : {0.0, 0.05}) {
    const HalfPrecision run = RunHalfPrecision(z_loss, 1);
    EXPECT_EQ(run.loss.scalar_type(), at::kFloat);
    EXPECT_EQ(run.dhidden.scalar_type(), at::kBFloat16);
    EXPECT_EQ(run.dhead.scalar_type(), at::kFloat);
    // The inputs are given, so all that bf16 may cost is one rounding of dhidden on its way out.
    const double loss = std::abs(run.loss.item<double>() / run.exact_loss.item<double>() - 1);
    EXPECT_LE(loss, 1e-6);
    EXPECT_LE(LargestDifference(run.token_loss, run.exact_token_loss), 1e-5);
    EXPECT_LE(Excess(run.dhidden, run.exact_dhidden, kBf16Unit), kFp32Noise);
    EXPECT_LE(Excess(run.dhead, run.exact_dhead, 0), kFp32Noise);
    EXPECT_GT(Excess(run.dhidden, run.exact_dhidden, 0.9 * kBf16Unit), kFp32Noise)
        << "the bound is not the least one";
    std::printf(
        "  z %.2f: loss %.1e, token losses %.1e, dhidden %.1e beyond one rounding, dhead %.1e\n",
        z_loss, loss, LargestDifference(run.token_loss, run.exact_token_loss),
        Excess(run.dhidden, run.exact_dhidden, kBf16Unit), Excess(run.dhead, run.exact_dhead, 0));
  }
}

// 1/3 in bf16 is off by half that unit: a scale of the loss that was rounded would show in every
// element. dhidden is kept in bf16 until it is scaled, hence its second rounding.
TEST(HeadCrossEntropy, HalfPrecisionScalesGradientsByTheUnroundedFactor) {
  const HalfPrecision run = RunHalfPrecision(0, 1.0 / 3);
  EXPECT_LE(Excess(run.dhead, run.exact_dhead, 0), kFp32Noise);
  EXPECT_LE(Excess(run.dhidden, run.exact_dhidden, 2.01 * kBf16Unit), kFp32Noise);
  const at::Tensor rounded = at::scalar_tensor(1.0 / 3, at::kBFloat16).to(at::kDouble) * 3;
  EXPECT_GT(Excess(run.dhead * rounded, run.exact_dhead, 0), 100 * kFp32Noise);  // the control
}

// Control: products that round to bf16 must exceed the bounds.
TEST(HeadCrossEntropy, HalfPrecisionControlBf16LogitsFail) {
  const HalfPrecision run = RunHalfPrecision(0, 1);
  const auto [hidden, head, target] = HalfPrecisionInputs();
  const at::Tensor logits = at::mm(hidden, head.to(at::kBFloat16).t()).to(at::kFloat);
  const at::Tensor losses = at::cross_entropy_loss(logits, target, {}, at::Reduction::None);
  const auto found = torch::autograd::grad({losses.sum()}, {hidden, head});
  EXPECT_GT(LargestDifference(losses.detach(), run.exact_token_loss), 1e-3);
  EXPECT_GT(Excess(found[0], run.exact_dhidden, kBf16Unit), 100 * kFp32Noise);
  EXPECT_GT(Excess(found[1], run.exact_dhead, 0), 100 * kFp32Noise);
}

}  // namespace
}  // namespace regroup
