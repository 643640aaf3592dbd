// What a training checkpoint keeps beside weights and optimizer slots: progress.json. The trainer
// writes and restores it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/run_checkpoint.h"
#include "core/json.h"
#include "core/status.h"
#include "train/best.h"
#include "train/window.h"

namespace regroup {

struct TrainProgress {
  int64_t source_tokens = 0;
  int64_t target_tokens = 0;
  uint64_t data_position = 0;  // of the stream
  Json data_hint;              // what made seeking there fast
  Validations validations;
  Window window;  // steps since the last log line
  Json guard;
};

Json ProgressToJson(const TrainProgress& progress);
// UserError if `json` was written by another version of this program; `place` names it.
absl::StatusOr<TrainProgress> ProgressFromJson(const Json& json, const std::string& place);

// The steps that are best so far by one of `names`.
std::vector<int64_t> BestSteps(const Validations& validations,
                               const std::vector<std::string>& names);

// The newest good checkpoint whose best checkpoints (by `keep_best`) are good as well: without
// them the stage could not end with what it would have ended with. What cannot be used is named
// and set aside.
absl::StatusOr<std::optional<RunCheckpoint>> LoadUsable(const std::string& run_folder,
                                                        const std::vector<std::string>& keep_best);

}  // namespace regroup
