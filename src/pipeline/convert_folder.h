// One conversion from folder to folder: load, merge heads, save with provenance. The `convert`
// command and the recipe's convert stage call it.
#pragma once

#include <string>

#include "convert/regroup.h"
#include "core/json.h"
#include "core/status.h"

namespace regroup {

struct ConvertFolderOptions {
  std::string from;
  std::string to;
  ConvertConfig convert;
  bool overwrite = false;     // replace a folder that regroup wrote
  Json provenance = nullptr;  // an object whose keys are added to regroup.json; null: nothing
};

// The target is checked before anything is loaded. regroup.json keeps what the source's said and
// gains an entry under "conversions": source and its weights' hash, the config, parameters and
// checks.
absl::StatusOr<ConversionReport> ConvertFolder(const ConvertFolderOptions& options);

}  // namespace regroup
