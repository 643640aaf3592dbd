// Shapes of published checkpoints by the name of their folder, so that a plan can be made before
// they are here.
#pragma once

#include <optional>
#include <string>

#include "model/model_config.h"

namespace regroup {

// The config of "t5-v1_1-base", "flan-t5-xl", "t5-base-lm-adapt" and their like (config.json of
// google/<name> on Hugging Face); nullopt for another name.
std::optional<T5Config> PublishedConfig(const std::string& name);

}  // namespace regroup
