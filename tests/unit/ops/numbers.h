// Small helpers of the tests of `ops`: doubles from a fixed seed, gradients of a function,
// distances.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <vector>

namespace regroup {

inline at::Tensor RandomDoubles(at::IntArrayRef shape, uint64_t seed) {
  auto generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::TensorOptions(at::kDouble));
}

inline double LargestDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

struct Differentiated {
  at::Tensor value;
  std::vector<at::Tensor> gradients;
};

// f's value and the gradients of sum(f * fixed weights) by each input.
inline Differentiated Differentiate(
    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& f,
    const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& x : inputs) leaves.push_back(x.detach().clone().set_requires_grad(true));
  const at::Tensor value = f(leaves);
  const at::Tensor weights = RandomDoubles(value.sizes(), 99).to(value.scalar_type());
  return {value.detach(), torch::autograd::grad({(value * weights).sum()}, leaves)};
}

}  // namespace regroup
