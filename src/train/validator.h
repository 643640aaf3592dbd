// What the trainer asks during training: named numbers for the model as it stands. `evaluate`
// implements it.
#pragma once

#include <map>
#include <string>

#include "core/status.h"
#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

class Validator {
 public:
  virtual ~Validator() = default;
  virtual absl::StatusOr<std::map<std::string, double>> Validate(const T5Config& config,
                                                                 const StateDict& weights,
                                                                 int64_t step) = 0;
};

}  // namespace regroup
