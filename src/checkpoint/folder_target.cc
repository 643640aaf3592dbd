// Target rules and the exchange of folders.
#include "checkpoint/folder_target.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {
namespace fs = std::filesystem;
namespace {

// True if `inner` is `outer` or lies below it, symbolic links resolved.
bool IsInside(const std::string& inner, const std::string& outer) {
  std::error_code error;
  const fs::path below = fs::weakly_canonical(inner, error),
                 above = fs::weakly_canonical(outer, error);
  const fs::path relative = below.lexically_relative(above);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

std::string NormalFolder(const std::string& path) {
  const fs::path normal = fs::path(path).lexically_normal();
  return normal.has_filename() || !normal.has_relative_path() ? normal.string()
                                                              : normal.parent_path().string();
}

absl::Status CheckNewFolder(const std::string& target, const std::string& source, bool overwrite) {
  std::error_code error;
  if (target.empty()) return UserError("target folder", "is empty; name a new folder");
  if (!source.empty() && IsInside(NormalFolder(source), NormalFolder(target))) {
    return UserError(target,
                     absl::StrCat("the source ", source, " lies there; name another target"));
  }
  if (!fs::exists(fs::symlink_status(target, error))) return absl::OkStatus();
  if (!fs::is_directory(target, error))
    return UserError(target, "is a file; a new or an empty folder was expected");
  if (fs::is_empty(target, error)) return absl::OkStatus();
  if (!overwrite) {
    return UserError(target,
                     "is not empty; name a new folder, or say --overwrite to replace a folder that "
                     "regroup wrote");
  }
  if (!FileExists(JoinPath(target, "regroup.json"))) {
    return UserError(target,
                     "holds no regroup.json, so regroup did not write it and does not replace it; "
                     "name a new folder");
  }
  return absl::OkStatus();
}

absl::Status ReplaceFolder(const std::string& target,
                           const std::function<absl::Status(const std::string&)>& fill) {
  const std::string normal = NormalFolder(target);
  std::error_code error;
  if (!fs::exists(normal, error)) return PublishFolder(normal, fill);
  const std::string aside = absl::StrCat(normal, ".replacing.partial");
  fs::remove_all(aside, error);
  REGROUP_RETURN_IF_ERROR(PublishFolder(aside, fill));
  if (::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, normal.c_str(), RENAME_EXCHANGE) != 0) {
    const int reason = errno;
    fs::remove_all(aside, error);
    return RunError(normal, absl::StrCat("cannot swap the new folder in: ", std::strerror(reason)));
  }
  fs::remove_all(aside, error);
  return absl::OkStatus();
}

}  // namespace regroup
