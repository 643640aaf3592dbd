// Identity of data files: what provenance and stage hashes keep of them. Used by the streams here
// and by `pipeline`.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// [{"file": base name, "bytes": size, "begin": hash of the first MiB}] in the given order. Folders
// do not count, so data that was moved keeps its identity.
absl::StatusOr<Json> FingerprintFiles(const std::vector<std::string>& paths);

}  // namespace regroup
