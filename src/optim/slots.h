// Optimizer slots of one tensor, and their names in a state. adafactor.cc and adamw.cc share it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "optim/optimizer.h"

namespace regroup {

struct Slots {
  int64_t steps = 0;                         // updates made so far
  std::map<std::string, at::Tensor> values;  // "vr" -> tensor
};

// The part of an optimizer that has nothing to do with its formula: one Slots per parameter, walked
// in name order, and the round trip through State and Restore.
class SlotOptimizer : public Optimizer {
 public:
  void Step(StateDict& weights, const StateDict& gradients, double rate) final;
  StateDict State() const final;
  absl::Status Restore(const StateDict& state) final;

 protected:
  // Updates one fp32 parameter in place. slots.steps counts the updates before this one.
  virtual void Update(const std::string& name, at::Tensor& p, const at::Tensor& g, double rate,
                      Slots& slots) const = 0;
  // The sets of slots that a parameter may have, for instance {{"vr", "vc"}, {"v"}}.
  virtual std::vector<std::vector<std::string>> SlotSets() const = 0;

 private:
  std::map<std::string, Slots> slots_;
};

// The slot `name`, zeros of `sizes` if it is fresh.
at::Tensor& SlotOrZeros(Slots& slots, const std::string& name, at::IntArrayRef sizes,
                        const at::Tensor& like);
// Root mean square of all elements, 0-dim on the tensor's device.
at::Tensor RootMeanSquare(const at::Tensor& x);

std::unique_ptr<Optimizer> MakeAdafactor(const OptimizerConfig& config);
std::unique_ptr<Optimizer> MakeAdamW(const OptimizerConfig& config);

}  // namespace regroup
