// The fixed tree of gradient sums.
#include "parallel/gradient_tree.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "core/status.h"

namespace regroup {

void GradientTree::MergeTop() {
  const at::NoGradGuard no_grad;
  Partial right = std::move(stack_.back());
  stack_.pop_back();
  Partial& left = stack_.back();
  REGROUP_CHECK(left.sum.size() == right.sum.size(), "leaves differ in their tensors");
  for (auto& [name, tensor] : left.sum) {
    const auto found = right.sum.find(name);
    REGROUP_CHECK(found != right.sum.end(), "leaves differ in " + name);
    tensor.add_(found->second);
  }
  left.leaves += right.leaves;
}

void GradientTree::Add(StateDict gradients) {
  stack_.push_back({1, std::move(gradients)});
  while (stack_.size() >= 2 && stack_[stack_.size() - 2].leaves == stack_.back().leaves) MergeTop();
}

StateDict GradientTree::Finish() {
  REGROUP_CHECK(!stack_.empty(), "no gradients were added");
  while (stack_.size() >= 2) MergeTop();
  StateDict sum = std::move(stack_.back().sum);
  stack_.clear();
  return sum;
}

}  // namespace regroup
