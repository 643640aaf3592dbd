// What is in a YAML file: a recipe, a task, a part that recipes include. inspect_path.cc calls it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Recipe: {"path", "kind": "recipe", "name", "stages": [{"name", "kind", "needs"}], "files":
// [{"what", "path", "present"}], "seconds", "memory_bytes", "disk_bytes", "problems": [{"place",
// "message"}]} (estimates and problems are plan's). Task: {"path", "kind": "task", "name", "input",
// "target", "fields", "reader", "lengths", "metrics"}. Another mapping: {"path", "kind": "part",
// "keys"}. A file that is none of them: UserError.
absl::StatusOr<Json> InspectYaml(const std::string& path);

std::string YamlText(const Json& inspection);

}  // namespace regroup
