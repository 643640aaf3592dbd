// Compares names within one folder: the first part of the path that is missing.
#include "core/near_path.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/status.h"

namespace regroup {

namespace fs = std::filesystem;

std::string DidYouMeanPath(const std::string& path) {
  std::error_code error;
  fs::path there, rest = fs::path(path).lexically_normal();
  fs::path missing;
  fs::path behind;
  for (const fs::path& part : rest) {
    if (!missing.empty()) {
      if (!part.empty()) behind /= part;
    } else if (part.empty() || fs::exists(there / part, error)) {
      there /= part;
    } else {
      missing = part;
    }
  }
  if (missing.empty()) return "";
  const std::string folder = there.empty() ? "." : there.string();
  const auto names = ListFolder(folder);
  const std::string near = names.ok() ? Nearest(missing.string(), *names) : std::string();
  if (!near.empty()) {
    const fs::path whole = there / near / behind;
    const bool exists = !behind.empty() && fs::exists(whole, error);
    return absl::StrCat(" (did you mean \"", (exists ? whole : there / near).string(), "\"?)");
  }
  if (behind.empty()) return "";
  return absl::StrCat(" (there is no folder ", (there / missing).string(), ")");
}

std::string CannotOpen(const std::string& path, int error) {
  return absl::StrCat("cannot open the file: ", std::strerror(error),
                      error == ENOENT ? DidYouMeanPath(path) : "");
}

}  // namespace regroup
