// A model folder read without judging its values: what LoadHfFolder does before it refuses NaN. For
// `inspect`, where people look when weights are damaged.
#pragma once

#include <string>

#include "checkpoint/hf_folder.h"

namespace regroup {

// LoadHfFolder without the manifest and without the check for NaN and infinities. Tensors lie on
// the mapped files where they can, with the file's strides: what is not looked at is not read.
absl::StatusOr<HfModel> OpenHfFolder(const std::string& folder);

}  // namespace regroup
