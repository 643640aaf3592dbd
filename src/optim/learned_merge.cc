// The chain rule of a weighted sum, done by hand around another optimizer's step.
#include "optim/learned_merge.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace regroup {
namespace {

constexpr char kValue[] = "value/";
constexpr char kHeads[] = ".heads";
constexpr char kMerge[] = ".merge";

struct Merged {
  at::Tensor heads_nd;  // [n*e, d]
  at::Tensor weights_n;
};

class LearnedMerge final : public Optimizer {
 public:
  LearnedMerge(std::unique_ptr<Optimizer> inner, const StateDict& heads, int64_t head_width)
      : inner_(std::move(inner)), head_width_(head_width) {
    for (const auto& [name, tensor] : heads) {
      REGROUP_CHECK(tensor.dim() == 2 && tensor.size(0) % head_width == 0, "heads of " + name);
      merged_[name].heads_nd = tensor.detach().to(at::kFloat, false, /*copy=*/true).contiguous();
    }
  }

  void Step(StateDict& weights, const StateDict& gradients, double rate) override {
    const at::NoGradGuard no_grad;
    StateDict all = weights, all_gradients = gradients;
    for (auto& [name, merged] : merged_) {
      const at::Tensor& parameter = weights.at(name);
      Begin(merged, parameter);
      const at::Tensor g_nnd = ByHead(merged, gradients.at(name));
      const at::Tensor heads_ned = Heads(merged);
      all[name + kHeads] = merged.heads_nd;
      all[name + kMerge] = merged.weights_n;
      all_gradients[name + kHeads] = (g_nnd * merged.weights_n.view({-1, 1, 1})).flatten(0, 1);
      all_gradients[name + kMerge] = (g_nnd * heads_ned).sum({1, 2});
      all.erase(name);
      all_gradients.erase(name);
    }
    inner_->Step(all, all_gradients, rate);
    for (const auto& [name, merged] : merged_) Fold(merged, weights.at(name));
  }

  StateDict State() const override {
    StateDict state = inner_->State();
    for (const auto& [name, merged] : merged_) {
      if (!merged.weights_n.defined()) continue;  // before the first step
      state[absl::StrCat(kValue, name, kHeads)] = merged.heads_nd.clone();
      state[absl::StrCat(kValue, name, kMerge)] = merged.weights_n.clone();
    }
    return state;
  }

  absl::Status Restore(const StateDict& state) override {
    StateDict slots;
    for (const auto& [key, tensor] : state) {
      if (!absl::StartsWith(key, kValue)) slots[key] = tensor;
    }
    for (auto& [name, merged] : merged_) {
      const auto heads = state.find(absl::StrCat(kValue, name, kHeads));
      const auto weights = state.find(absl::StrCat(kValue, name, kMerge));
      if (heads == state.end() || weights == state.end()) continue;
      if (heads->second.sizes() != merged.heads_nd.sizes())
        return UserError(name, "the saved heads of the learned merge have another shape");
      merged.heads_nd.copy_(heads->second);
      merged.weights_n = weights->second.to(merged.heads_nd.device(), at::kFloat, false, true);
    }
    return inner_->Restore(slots);
  }

 private:
  // The device and the number of groups are known from the parameter.
  void Begin(Merged& merged, const at::Tensor& parameter) const {
    if (merged.weights_n.defined() && merged.weights_n.device() == parameter.device()) return;
    REGROUP_CHECK(merged.heads_nd.size(0) % parameter.size(0) == 0, "heads and groups");
    merged.heads_nd = merged.heads_nd.to(parameter.device());
    if (merged.weights_n.defined()) {
      merged.weights_n = merged.weights_n.to(parameter.device());
      return;
    }
    const int64_t heads = merged.heads_nd.size(0) / head_width_;
    const auto share =
        static_cast<double>(parameter.size(0)) / static_cast<double>(merged.heads_nd.size(0));
    merged.weights_n = at::full({heads}, share, merged.heads_nd.options());
  }

  at::Tensor Heads(const Merged& merged) const {
    return merged.heads_nd.unflatten(0, {-1, head_width_});
  }

  // [g*e, d] of groups -> [n, e, d]: each head's own group.
  at::Tensor ByHead(const Merged& merged, const at::Tensor& grouped) const {
    const int64_t members = merged.heads_nd.size(0) / grouped.size(0);
    return grouped.unflatten(0, {-1, head_width_}).repeat_interleave(members, 0);
  }

  void Fold(const Merged& merged, at::Tensor& parameter) const {
    const int64_t groups = parameter.size(0) / head_width_;
    const at::Tensor weighted_ned = Heads(merged) * merged.weights_n.view({-1, 1, 1});
    parameter.copy_(weighted_ned.unflatten(0, {groups, -1}).sum(1).flatten(0, 1));
  }

  std::unique_ptr<Optimizer> inner_;
  int64_t head_width_;
  std::map<std::string, Merged> merged_;
};

}  // namespace

std::unique_ptr<Optimizer> LearnMerge(std::unique_ptr<Optimizer> inner, const StateDict& heads,
                                      int64_t head_width) {
  return std::make_unique<LearnedMerge>(std::move(inner), heads, head_width);
}

}  // namespace regroup
