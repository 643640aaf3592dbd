// Where a model folder may be written, and how a whole folder is replaced. Used by savers here and,
// before long work begins, by the commands that will save.
#pragma once

#include <functional>
#include <string>

#include "core/status.h"

namespace regroup {

// OK if `target` is absent or an empty folder; with `overwrite` also a folder that regroup wrote
// (it holds regroup.json). A file, another non-empty folder, the source itself or a folder that
// contains it, a place where no folder can be made: UserError. `source` may be empty.
absl::Status CheckNewFolder(const std::string& target, const std::string& source, bool overwrite);

// PublishFolder for a target that may exist: the new folder is made aside and swapped in by one
// atomic exchange.
absl::Status ReplaceFolder(const std::string& target,
                           const std::function<absl::Status(const std::string&)>& fill);

// `path` without "." parts and trailing slashes.
std::string NormalFolder(const std::string& path);

}  // namespace regroup
