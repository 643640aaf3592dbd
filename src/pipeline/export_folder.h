// Writes a model for other software. The `export` command and the recipe's export stage call it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"
#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

struct ExportFolderOptions {
  std::string from;
  std::string to;
  bool expand_kv = false;  // a plain multi-head T5 that computes the same; else the grouped weights
                           // with a README.md
  bool overwrite = false;  // replace a folder that regroup wrote
  std::string by = "";     // the recipe's stage that exports; recorded in regroup.json
};

// {"from", "to", "form": "multi-head"|"grouped", "parameters", "kv_heads": as in config.json or
// null, "notes": [text]}.
absl::StatusOr<Json> ExportFolder(const ExportFolderOptions& options);

// transformers 4 reads tying and scaling of the decoder output from one flag, so only "tied and
// scaled" and "own head, not scaled" mean the same there and in transformers 5. Rewrites the two
// other pairs into the second, with the same function: a tied unscaled head gets its own copy, an
// own scaled head is multiplied by d_model^-0.5. Returns a sentence on what was done, or "".
std::string MakeHeadPortable(T5Config& config, StateDict& weights);

}  // namespace regroup
