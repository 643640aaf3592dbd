// The best of the validations so far.
#include "train/best.h"

#include <cmath>

namespace regroup {

bool LessIsBetter(const std::string& name) {
  const std::string last = name.substr(name.rfind('/') + 1);
  return last.ends_with("loss") || name.starts_with("heldout_loss/");
}

std::optional<int64_t> BestStep(const Validations& validations, const std::string& name) {
  const double sign = LessIsBetter(name) ? -1 : 1;
  std::optional<int64_t> best;
  double best_value = 0;
  for (const auto& [step, values] : validations) {
    const auto value = values.find(name);
    if (step == 0 || value == values.end() || std::isnan(value->second)) continue;
    if (best.has_value() && !(sign * value->second > best_value)) continue;
    best = step;
    best_value = sign * value->second;
  }
  return best;
}

bool PatienceEnded(const Validations& validations, const std::string& name,
                   const EarlyStoppingConfig& config) {
  if (config.patience == 0) return false;
  const double sign = LessIsBetter(name) ? -1 : 1;
  std::optional<double> best;
  int64_t without_improvement = 0;
  for (const auto& [step, values] : validations) {
    const auto value = values.find(name);
    if (step == 0 || value == values.end()) continue;
    const bool better = !best.has_value() || sign * value->second > *best + config.min_delta;
    without_improvement = better ? 0 : without_improvement + 1;
    if (better && !std::isnan(value->second)) best = sign * value->second;
  }
  return without_improvement >= config.patience;
}

}  // namespace regroup
