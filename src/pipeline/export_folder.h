// Writes a model for other software. The `export` command and the recipe's export stage call it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"
#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

// What the folder is written for. The heads of untied models differ: transformers 5 hides from
// CTranslate2's converter that such a head is not scaled, and the converted model scales its input
// by d_model^-0.5. kCTranslate2 writes that head multiplied by d_model^0.5.
enum class ExportTarget { kTransformers, kCTranslate2 };

struct ExportFolderOptions {
  std::string from;
  std::string to;
  // A plain multi-head T5 that computes the same; else the grouped weights with the Python class
  // that loads them in transformers, and a README.md.
  bool expand_kv = false;
  bool overwrite = false;                             // replace a folder that regroup wrote
  ExportTarget target = ExportTarget::kTransformers;  // kCTranslate2 needs expand_kv
  std::string by = "";  // the recipe's stage that exports; recorded in regroup.json
};

// {"from", "to", "form": "multi-head"|"grouped", "parameters", "kv_heads": as in config.json or
// null, "notes": [text]}.
absl::StatusOr<Json> ExportFolder(const ExportFolderOptions& options);

// transformers 4 reads tying and scaling of the decoder output from one flag, so only "tied and
// scaled" and "own head, not scaled" mean the same there and in transformers 5. Rewrites the two
// other pairs into the second, with the same function: a tied unscaled head gets its own copy, an
// own scaled head is multiplied by d_model^-0.5. So is the head of a tied mT5, which transformers 4
// scales and transformers 5 does not. Returns a sentence on what was done, or "".
std::string MakeHeadPortable(T5Config& config, StateDict& weights);

}  // namespace regroup
