// Grouped attention against multi-head attention over repeated K/V heads.
#include "ops/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unit/ops/numbers.h"

namespace regroup {
namespace {

constexpr int64_t kB = 2, kH = 4, kT = 5, kS = 7, kE = 3;

struct Terms {
  at::Tensor mask_b1s, drop_bhs;
};

// Composite: K and V repeated to all heads, softmax by definition.
at::Tensor Expanded(const std::vector<at::Tensor>& i, const Terms& terms) {
  const int64_t r = kH / i[1].size(1);
  const at::Tensor k = i[1].repeat_interleave(r, 1), v = i[2].repeat_interleave(r, 1);
  at::Tensor scores = at::matmul(i[0], k.transpose(2, 3)) + i[3];
  if (terms.mask_b1s.defined()) scores = scores + terms.mask_b1s.unsqueeze(1);
  at::Tensor p = scores.softmax(-1);
  if (terms.drop_bhs.defined()) p = p * terms.drop_bhs.unsqueeze(2);
  return at::matmul(p, v);
}

std::vector<at::Tensor> Inputs(int64_t groups) {
  // q as the model hands it in: a transposed view of [b, t, h, e].
  return {RandomDoubles({kB, kT, kH, kE}, 1).transpose(1, 2),
          RandomDoubles({kB, groups, kS, kE}, 2), RandomDoubles({kB, groups, kS, kE}, 3),
          RandomDoubles({1, kH, kT, kS}, 4)};
}

Terms MaskAndDropout() {
  at::Tensor mask = at::zeros({kB, 1, kS}, at::kDouble);
  mask[1][0].narrow(0, 4, 3).fill_(MaskValue(at::kDouble));
  const at::Tensor drop = RandomDoubles({kB, kH, kS}, 5).gt(-0.7).to(at::kDouble) * 1.25;
  return {mask, drop};
}

class GroupedAttentionTest : public testing::TestWithParam<int64_t> {};

TEST_P(GroupedAttentionTest, EqualsAttentionOverRepeatedHeads) {
  for (const Terms& terms : {Terms{}, MaskAndDropout()}) {
    const auto inputs = Inputs(GetParam());
    const auto ours = Differentiate(
        [&](const auto& i) {
          return GroupedAttention(i[0], i[1], i[2], {i[3], terms.mask_b1s, terms.drop_bhs});
        },
        inputs);
    const auto want = Differentiate([&](const auto& i) { return Expanded(i, terms); }, inputs);
    EXPECT_LT(LargestDifference(ours.value, want.value), 1e-13);
    for (size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_LT(LargestDifference(ours.gradients[i], want.gradients[i]), 1e-12) << "input " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(HeadsOfKAndV, GroupedAttentionTest, testing::Values(1, 2, 4));

TEST(GroupedAttention, WorksWithoutBiasAndWithoutGradients) {
  const auto i = Inputs(2);
  const at::Tensor got = GroupedAttention(i[0], i[1], i[2], {});
  const at::Tensor zero_bias = at::zeros({1, kH, kT, kS}, at::kDouble);
  EXPECT_LT(LargestDifference(got, Expanded({i[0], i[1], i[2], zero_bias}, {})), 1e-13);
  EXPECT_FALSE(got.requires_grad());
}

TEST(GroupedAttention, MaskedKeysHaveNoInfluenceAtAll) {
  auto i = Inputs(2);
  const Terms terms = MaskAndDropout();
  const at::Tensor before = GroupedAttention(i[0], i[1], i[2], {i[3], terms.mask_b1s, {}});
  i[1][1].narrow(1, 4, 3).fill_(50.0);
  i[2][1].narrow(1, 4, 3).fill_(-1e6);
  EXPECT_TRUE(at::equal(before, GroupedAttention(i[0], i[1], i[2], {i[3], terms.mask_b1s, {}})));
}

TEST(GroupedAttention, HalfPrecisionIsNearDouble) {
  const auto i = Inputs(2);
  std::vector<at::Tensor> half;
  for (const at::Tensor& x : i) half.push_back(x.to(at::kBFloat16));
  const at::Tensor got = GroupedAttention(half[0], half[1], half[2], {half[3], {}, {}});
  EXPECT_EQ(got.scalar_type(), at::kBFloat16);
  EXPECT_LT(LargestDifference(got, Expanded(i, {})), 0.05);
}

}  // namespace
}  // namespace regroup
