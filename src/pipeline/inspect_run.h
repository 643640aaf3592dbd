// What is in a run folder or in the folder of one of its stages. inspect_path.cc calls it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

bool IsRunFolder(const std::string& path);  // it holds recipe.yaml

// {"path", "kind": "run", "recipe", "process" (that works in it, null: none), "disk_bytes",
// "stages": [...]} in the recipe's order, stages that have not begun included. A stage: {"name",
// "kind", "state": "finished"|"running"|"stopped"|"failed"|"waiting", "error", "seconds", "step",
// "steps", "checkpoint" (the newest whose manifest is right), "damaged" (newer ones that are not),
// "model", "best": {name: {"step", "value"}}, "stopped_early", "ledger": [{"action", "step",
// "reason"}], "disk_bytes"}; what a kind of stage has not is null. A record that is none:
// UserError.
absl::StatusOr<Json> InspectRun(const std::string& path);

// {"path", "kind": "stage", "name", "stage_kind", ...} as above, and "files".
absl::StatusOr<Json> InspectStageFolder(const std::string& path);

std::string RunText(const Json& inspection);
std::string StageText(const Json& inspection);

}  // namespace regroup
