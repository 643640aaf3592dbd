// The recent mean is exponential: about the last 20 steps.
#include "train/guard.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace regroup {
namespace {

constexpr int64_t kRecentSteps = 20;

}  // namespace

std::string LossGuard::Judge(double loss, double gradient_norm) const {
  if (!std::isfinite(loss)) return absl::StrFormat("the loss is not finite (%g)", loss);
  if (!std::isfinite(gradient_norm)) {
    return absl::StrFormat("the gradient is not finite (loss %.4f, norm %g)", loss, gradient_norm);
  }
  const double limit = config_.explosion * recent_mean_ + 1;
  if (config_.explosion == 0 || steps_ < kRecentSteps || loss <= limit) return "";
  return absl::StrFormat("the loss explodes (%.4f, recent mean %.4f, limit %.4f)", loss,
                         recent_mean_, limit);
}

void LossGuard::Count(double loss) {
  ++steps_;
  const auto weight = static_cast<double>(std::min(steps_, kRecentSteps));
  recent_mean_ += (loss - recent_mean_) / weight;
}

Json LossGuard::ToJson() const { return {{"steps", steps_}, {"recent_mean", recent_mean_}}; }

void LossGuard::FromJson(const Json& json) {
  steps_ = json.at("steps");
  recent_mean_ = json.at("recent_mean");
}

}  // namespace regroup
