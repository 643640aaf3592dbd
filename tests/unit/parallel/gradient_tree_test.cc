// The tree of gradient sums.
#include "parallel/gradient_tree.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace regroup {
namespace {

// Values of very different sizes: another order of sums gives other bits.
std::vector<StateDict> Leaves(int n) {
  std::vector<StateDict> leaves;
  for (int i = 0; i < n; ++i) {
    const at::Tensor base = at::arange(1, 65, at::kFloat);
    leaves.push_back(
        {{"a", (base * (0.37 + i)).sin() * (i % 3 == 0 ? 1e4 : 1.0)},
         {"b", (base * (1.1 + i)).cos().reshape({8, 8}) * (i % 2 == 0 ? 1e-3 : 10.0)}});
  }
  return leaves;
}

StateDict Sum(const std::vector<StateDict>& leaves, size_t begin, size_t end) {
  GradientTree tree;
  for (size_t i = begin; i < end; ++i) {
    StateDict copy;
    for (const auto& [name, tensor] : leaves[i]) copy[name] = tensor.clone();
    tree.Add(std::move(copy));
  }
  return tree.Finish();
}

TEST(GradientTree, EightLeavesAreSummedAsTheTreeWrittenByHand) {
  const auto l = Leaves(8);
  const StateDict sum = Sum(l, 0, 8);
  for (const std::string name : {"a", "b"}) {
    const auto x = [&](size_t i) { return l[i].at(name); };
    const at::Tensor want = ((x(0) + x(1)) + (x(2) + x(3))) + ((x(4) + x(5)) + (x(6) + x(7)));
    EXPECT_TRUE(at::equal(sum.at(name), want));
  }
  // The control: adding one after the other gives other bits.
  at::Tensor chain = l[0].at("a").clone();
  for (size_t i = 1; i < 8; ++i) chain.add_(l[i].at("a"));
  EXPECT_FALSE(at::equal(sum.at("a"), chain));
}

TEST(GradientTree, BlocksOfTwoOrFourRanksGiveTheSameBits) {
  const auto leaves = Leaves(8);
  const StateDict whole = Sum(leaves, 0, 8);
  for (const size_t ranks : {2U, 4U, 8U}) {
    std::vector<StateDict> parts;
    for (size_t rank = 0; rank < ranks; ++rank) {
      parts.push_back(Sum(leaves, rank * 8 / ranks, (rank + 1) * 8 / ranks));
    }
    EXPECT_TRUE(at::equal(Sum(parts, 0, ranks).at("a"), whole.at("a")));
  }
}

TEST(GradientTree, HoldsNoMoreThanLogarithmicallyManyPartialSums) {
  GradientTree tree;
  for (int i = 1; i <= 64; ++i) {
    tree.Add({{"a", at::ones({1})}});
    EXPECT_LE(tree.partial_sums(), 6);
  }
  EXPECT_EQ(tree.partial_sums(), 1);
  EXPECT_EQ(tree.Finish().at("a").item<float>(), 64);
  EXPECT_EQ(tree.partial_sums(), 0);
}

TEST(GradientTree, AnyNumberOfLeavesIsSummed) {
  for (int n = 1; n <= 20; ++n) {
    GradientTree tree;
    for (int i = 0; i < n; ++i) tree.Add({{"a", at::full({2}, static_cast<float>(i))}});
    EXPECT_EQ(tree.Finish().at("a")[1].item<float>(), static_cast<float>(n * (n - 1) / 2));
  }
}

}  // namespace
}  // namespace regroup
