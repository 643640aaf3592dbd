// Optimizers over named whole tensors. The trainer calls Step once per step with summed, scaled,
// clipped gradients.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "core/status.h"
#include "ops/state_dict.h"
#include "optim/optim_config.h"

namespace regroup {

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  // Updates those `weights` (fp32) in place that have a gradient in `gradients`; `rate` is the
  // schedule's value at this step. Every tensor keeps its own step count (fresh slots start at 0).
  virtual void Step(StateDict& weights, const StateDict& gradients, double rate) = 0;
  // Slots as tensors named "<slot>/<parameter>" (slots: vr, vc, v, m; steps as a 0-dim int64
  // "step/<parameter>").
  virtual StateDict State() const = 0;
  virtual absl::Status Restore(const StateDict& state) = 0;
};

// Adafactor as T5X (adafactor.py) or AdamW with RMS-scaled steps (nanoT5).
std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerConfig& config);

// Global norm over all gradients (fp64 accumulation, tensors in name order), and scaling to `limit`
// if it is larger (0: off).
double GlobalNorm(const StateDict& gradients);
void ClipByNorm(StateDict& gradients, double norm, double limit);

}  // namespace regroup
