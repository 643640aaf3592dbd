// Products by each library against fp64: layouts, batches, odd sizes; the gradient of Linear.
#include "ops/matmul.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <array>
#include <cmath>
#include <vector>

#include "unit/ops/numbers.h"

namespace regroup {
namespace {

at::Tensor Floats(at::IntArrayRef shape, uint64_t seed) {
  return RandomDoubles(shape, seed).to(at::kFloat);
}

// The largest error over the root of a dot product's length k. fp32 sums one after the other of k
// products of order 1 err by about k^(1/2) 6e-8 for each unit of the sum, which is k^(1/2) itself.
double Error(const at::Tensor& out, const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor want = at::matmul(a.to(at::kDouble), b.to(at::kDouble));
  return LargestDifference(out, want) / std::sqrt(static_cast<double>(a.size(-1)));
}

void ExpectRight(MatMulLibrary library, const at::Tensor& a, const at::Tensor& b) {
  std::vector<int64_t> sizes = a.sizes().vec();
  sizes.back() = b.size(-1);
  at::Tensor out = at::full(sizes, 1e30, at::kFloat);  // what lies there does not count
  MatMulBy(library, out, a, b);
  EXPECT_LT(Error(out, a, b), 5e-6) << a.sizes() << a.strides() << b.sizes() << b.strides();
}

class MatMulTest : public testing::TestWithParam<MatMulLibrary> {
 protected:
  void SetUp() override {
    if (GetParam() == MatMulLibrary::kOneDnn && !OneDnnServesFp32())
      GTEST_SKIP() << "no fp32 products by oneDNN here";
  }
};

TEST_P(MatMulTest, IsRightForEveryLayoutAndSize) {
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {7, 13, 5}, {64, 256, 768}, {129, 65, 33}, {300, 17, 511}}) {
    ExpectRight(GetParam(), Floats({m, k}, 1), Floats({k, n}, 2));
    ExpectRight(GetParam(), Floats({m, k}, 1), Floats({n, k}, 2).t());
    ExpectRight(GetParam(), Floats({k, m}, 1).t(), Floats({k, n}, 2));
    ExpectRight(GetParam(), Floats({k, m}, 1).t(), Floats({n, k}, 2).t());
    ExpectRight(GetParam(), Floats({m, 2 * k}, 1).narrow(1, k, k), Floats({k, n}, 2));
  }
}

TEST_P(MatMulTest, IsRightForBatches) {
  for (const auto& [m, k, n] :
       std::vector<std::array<int64_t, 3>>{{3, 5, 7}, {128, 32, 128}, {33, 128, 65}}) {
    ExpectRight(GetParam(), Floats({6, m, k}, 1), Floats({6, k, n}, 2));
    ExpectRight(GetParam(), Floats({6, m, k}, 1), Floats({6, n, k}, 2).transpose(1, 2));
    ExpectRight(GetParam(), Floats({6, k, m}, 1).transpose(1, 2), Floats({6, k, n}, 2));
  }
}

TEST_P(MatMulTest, TheSameProductTwiceIsTheSameBits) {
  const at::Tensor a = Floats({200, 300}, 1), b = Floats({300, 150}, 2);
  at::Tensor one = at::empty({200, 150}), two = at::empty({200, 150});
  MatMulBy(GetParam(), one, a, b);
  MatMulBy(GetParam(), two, a, b);
  EXPECT_TRUE(at::equal(one, two));
}

INSTANTIATE_TEST_SUITE_P(Libraries, MatMulTest,
                         testing::Values(MatMulLibrary::kAten, MatMulLibrary::kOneDnn));

TEST(MatMul, ServesEveryTypeAndRefusesToLoseAGradient) {
  const at::Tensor a = RandomDoubles({20, 30}, 1), b = RandomDoubles({30, 10}, 2);
  EXPECT_LT(LargestDifference(MatMul(a, b), at::mm(a, b)), 1e-12);
  EXPECT_TRUE(at::equal(MatMul(a.to(at::kBFloat16), b.to(at::kBFloat16)),
                        at::mm(a.to(at::kBFloat16), b.to(at::kBFloat16))));
  const at::Tensor leaf = a.clone().set_requires_grad(true);
  EXPECT_DEATH(MatMul(leaf, b), "gradient");
}

void ExpectLinearIsLinear(at::IntArrayRef x_shape, int64_t n, at::ScalarType type, double limit) {
  const at::Tensor x = RandomDoubles(x_shape, 1), w = RandomDoubles({n, x_shape.back()}, 2);
  const auto ours =
      Differentiate([](const auto& i) { return Linear(i[0], i[1]); }, {x.to(type), w.to(type)});
  const auto want = Differentiate([](const auto& i) { return at::linear(i[0], i[1]); }, {x, w});
  const auto relative = [](const at::Tensor& a, const at::Tensor& b) {
    return LargestDifference(a, b) / b.abs().max().item<double>();
  };
  EXPECT_LT(relative(ours.value, want.value), limit);
  EXPECT_LT(relative(ours.gradients[0], want.gradients[0]), limit);
  EXPECT_LT(relative(ours.gradients[1], want.gradients[1]), limit);
}

TEST(Linear, ValueAndGradientsAreThoseOfLinear) {
  for (const int64_t rows : {3, 64, 257}) {  // below and above what is worth the choice
    ExpectLinearIsLinear({2, rows, 128}, 300, at::kFloat, 3e-6);
    ExpectLinearIsLinear({rows, 128}, 300, at::kDouble, 1e-13);
  }
}

TEST(Linear, AFrozenWeightGetsNoGradient) {
  const at::Tensor x = Floats({400, 128}, 1).set_requires_grad(true), w = Floats({300, 128}, 2);
  Linear(x, w).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  EXPECT_FALSE(w.grad().defined());
}

}  // namespace
}  // namespace regroup
