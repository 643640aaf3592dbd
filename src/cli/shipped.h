// What lies beside the binary: shipped recipes and task files by name. Commands that take
// --task, `recipes` and `completion` use it.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace regroup {

// "titles" -> configs/task/titles.yaml beside the binary; a path stays. UserError at --task with
// the nearest name.
absl::StatusOr<std::string> TaskPath(const std::string& task);

// The folder recipes/; UserError where the binary stands alone.
absl::StatusOr<std::string> RecipesFolder();
// Names without .yaml of the files in a shipped folder ("recipes", "configs/task"); none where
// there is no such folder.
std::vector<std::string> ShippedNames(const std::string& folder);

}  // namespace regroup
