// manifest.json of a training checkpoint: size and hash of every file, and a hash of the manifest
// itself, so that damage anywhere is seen before anything is loaded.
#pragma once

#include <string>

#include "core/status.h"

namespace regroup {

inline constexpr char kManifestName[] = "manifest.json";

// Writes the manifest of all files now in `folder`.
absl::Status WriteManifest(const std::string& folder);
// Every problem of the folder against its manifest (missing, truncated, changed files) as one
// error.
absl::Status VerifyManifest(const std::string& folder);

}  // namespace regroup
