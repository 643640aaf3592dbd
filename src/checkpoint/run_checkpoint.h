// Training checkpoints `step-00012000/`: an HF folder plus optimizer tensors, progress and a
// manifest with sizes and hashes; written aside, synced, renamed. A damaged newest one is named and
// the one before is used. Used by train and pipeline.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/hf_folder.h"
#include "core/json.h"
#include "core/status.h"
#include "model/state_dict.h"

namespace regroup {

struct RunCheckpoint {
  int64_t step = 0;
  T5Config config;
  StateDict weights;
  StateDict optimizer;
  Json progress;  // trainer's: seed, data position and hint, best metric, tokens seen, ...
  Json provenance;
  Json generation_config;  // null: the config's ids
};

inline constexpr char kOptimizerFile[] = "optimizer.safetensors";

// "step-00012000"
std::string CheckpointName(int64_t step);

absl::Status SaveRunCheckpoint(const std::string& run_folder, const RunCheckpoint& checkpoint,
                               const Tokenizer* tokenizer);
// Checks manifest, sizes and hashes first.
absl::StatusOr<RunCheckpoint> LoadRunCheckpoint(const std::string& checkpoint_folder);
// Renames a checkpoint that cannot be used to <name>.damaged-<n>; returns the new base name.
std::string SetAsideCheckpoint(const std::string& checkpoint_folder);
// The newest undamaged one, or nullopt; each damaged one is logged as a warning with the reason and
// renamed to <name>.damaged-<n>, where nothing counts or deletes it.
absl::StatusOr<std::optional<RunCheckpoint>> LoadNewestGood(const std::string& run_folder);
// Steps of the checkpoints in a run folder, ascending (unverified).
std::vector<int64_t> ListCheckpoints(const std::string& run_folder);

struct Retention {
  int64_t keep_last = 2;
  int64_t keep_every = 0;  // steps; 0 = none besides the last
  std::set<int64_t> best;  // never deleted
};
// Deletes what is not kept; also leftovers named *.partial*. Renames to *.partial before deleting.
absl::Status ApplyRetention(const std::string& run_folder, const Retention& retention);

}  // namespace regroup
