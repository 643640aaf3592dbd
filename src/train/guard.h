// Judges a step by its loss and gradient norm before a weight is touched. The trainer asks it; its
// state goes into checkpoints, so that a resumed run judges alike.
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "train/train_config.h"

namespace regroup {

class LossGuard {
 public:
  explicit LossGuard(GuardConfig config) : config_(std::move(config)) {}

  // "" if the step is good, else what is wrong with it: "the loss is not finite", ...
  std::string Judge(double loss, double gradient_norm) const;
  // A good step's loss becomes part of the recent mean.
  void Count(double loss);

  Json ToJson() const;
  void FromJson(const Json& json);

 private:
  GuardConfig config_;
  int64_t steps_ = 0;
  double recent_mean_ = 0;
};

}  // namespace regroup
