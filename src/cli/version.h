// What `regroup --version` says: the version and commit, and what of this machine and of the
// libraries decides about results and speed. Called by bind.cc.
#pragma once

#include <string>

#include "core/json.h"

namespace regroup {

// {"regroup", "commit", "libtorch", "cuda": null or {"version", "own_kernels", "device"},
// "instruction_sets": [...],
//  "aten": the instruction set that ATen chose, "compiler"}.
Json VersionJson();

// The same for a person, one line each; the first is "regroup 0.1.0 (commit)".
std::string VersionText();

}  // namespace regroup
