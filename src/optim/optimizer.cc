// Which optimizer, and norms over all gradients.
#include "optim/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "core/status.h"
#include "optim/slots.h"

namespace regroup {

std::unique_ptr<Optimizer> MakeOptimizer(const OptimizerConfig& config) {
  if (config.name == "adamw") return MakeAdamW(config);
  REGROUP_CHECK(config.name == "adafactor", "unknown optimizer " + config.name);
  return MakeAdafactor(config);
}

double GlobalNorm(const StateDict& gradients) {
  const at::NoGradGuard no_grad;
  double sum = 0;
  for (const auto& [name, g] : gradients) {
    const double norm =
        at::linalg_vector_norm(g, 2, at::OptionalIntArrayRef(), false, at::kDouble).item<double>();
    sum += norm * norm;
  }
  return std::sqrt(sum);
}

void ClipByNorm(StateDict& gradients, double norm, double limit) {
  if (limit <= 0 || norm <= limit) return;
  const at::NoGradGuard no_grad;
  for (auto& [name, g] : gradients) g.mul_(limit / norm);
}

}  // namespace regroup
