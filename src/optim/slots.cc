// Slots by parameter; names "<slot>/<parameter>" in a state.
#include "optim/slots.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace regroup {

void SlotOptimizer::Step(StateDict& weights, const StateDict& gradients, double rate) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, gradient] : gradients) {
    const auto weight = weights.find(name);
    REGROUP_CHECK(weight != weights.end() && weight->second.sizes() == gradient.sizes(),
                  "gradient of " + name);
    at::Tensor& p = weight->second;
    REGROUP_CHECK(p.scalar_type() == at::kFloat, "master weights are fp32: " + name);
    Slots& slots = slots_[name];
    for (auto& [slot, value] : slots.values) value = value.to(p.device());  // after a Restore
    Update(name, p, gradient, rate, slots);
    ++slots.steps;
  }
}

StateDict SlotOptimizer::State() const {
  StateDict state;
  for (const auto& [name, slots] : slots_) {
    state["step/" + name] = at::scalar_tensor(slots.steps, at::kLong);
    for (const auto& [slot, value] : slots.values) state[slot + "/" + name] = value.clone();
  }
  return state;
}

absl::Status SlotOptimizer::Restore(const StateDict& state) {
  std::map<std::string, Slots> restored;
  for (const auto& [key, tensor] : state) {
    const size_t slash = key.find('/');
    if (slash == std::string::npos) {
      return UserError("optimizer state: " + key, "expected a name of the form <slot>/<parameter>");
    }
    Slots& slots = restored[key.substr(slash + 1)];
    const std::string slot = key.substr(0, slash);
    if (slot != "step") {
      if (tensor.scalar_type() != at::kFloat) {
        return UserError(
            "optimizer state: " + key,
            absl::StrCat("found ", c10::toString(tensor.scalar_type()), ", expected Float"));
      }
      slots.values[slot] = tensor.clone();
    } else if (tensor.scalar_type() != at::kLong || tensor.numel() != 1 ||
               tensor.item<int64_t>() < 0) {
      return UserError("optimizer state: " + key, "expected one int64 of 0 or more");
    } else {
      slots.steps = tensor.item<int64_t>();
    }
  }
  for (const auto& [name, slots] : restored) {
    std::vector<std::string> found;
    for (const auto& [slot, value] : slots.values) found.push_back(slot);
    const auto sets = SlotSets();
    if (std::ranges::find(sets, found) == sets.end() || !state.contains("step/" + name)) {
      return UserError("optimizer state: " + name,
                       "its slots are not those of this optimizer; restart the optimizer "
                       "(optimizer_state: restart) or use the checkpoint's own optimizer");
    }
  }
  slots_ = std::move(restored);
  return absl::OkStatus();
}

at::Tensor& SlotOrZeros(Slots& slots, const std::string& name, at::IntArrayRef sizes,
                        const at::Tensor& like) {
  at::Tensor& slot = slots.values[name];
  if (!slot.defined()) slot = at::zeros(sizes, like.options().requires_grad(false));
  REGROUP_CHECK(slot.sizes() == sizes, "shape of optimizer slot " + name);
  return slot;
}

at::Tensor RootMeanSquare(const at::Tensor& x) {
  return at::linalg_vector_norm(x).div_(std::sqrt(static_cast<double>(x.numel())));
}

}  // namespace regroup
