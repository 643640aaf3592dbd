// What lies beside the binary: shipped task files by name. Commands that take --task use it.
#pragma once

#include <string>

#include "core/status.h"

namespace regroup {

// "titles" -> configs/task/titles.yaml beside the binary; a path stays. UserError at --task with
// the nearest name.
absl::StatusOr<std::string> TaskPath(const std::string& task);

}  // namespace regroup
