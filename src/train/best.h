// Which validation is the best by a name, and when training should end for want of improvement:
// pure functions of the validations so far, so that nothing of it is stored. The trainer calls
// them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "train/train_config.h"

namespace regroup {

using Validations = std::map<int64_t, std::map<std::string, double>>;  // step -> named numbers

// Of a loss ("loss", "heldout_loss", "titles/loss", "heldout_loss/news") less is better, of all
// else more.
bool LessIsBetter(const std::string& name);

// The step after 0 whose number under `name` is the best, the first of equals; nullopt if none is a
// number. Step 0 is what training began with.
std::optional<int64_t> BestStep(const Validations& validations, const std::string& name);

// True once the last `patience` validations brought no improvement over the best before them.
bool PatienceEnded(const Validations& validations, const std::string& name,
                   const EarlyStoppingConfig& config);

}  // namespace regroup
