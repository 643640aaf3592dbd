// Target rules and the exchange of folders.
#include "checkpoint/folder_target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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

// Makes a folder beside `target` and takes it away again: finds out before long work begins.
absl::Status CheckCanBeMade(const std::string& target) {
  std::error_code error;
  const fs::path whole = fs::exists(target, error) ? fs::canonical(target, error)
                                                   : fs::absolute(NormalFolder(target), error);
  fs::path above = whole.parent_path();
  while (above.has_relative_path() && !fs::exists(above, error)) above = above.parent_path();
  if (!fs::is_directory(above, error))
    return UserError(target, absl::StrCat(above.string(), " is a file; name another folder"));
  std::string probe = (above / ".regroup-probe-XXXXXX").string();
  if (::mkdtemp(probe.data()) == nullptr)
    return WriteError(target, absl::StrCat("no folder can be made in ", above.string()), errno);
  ::rmdir(probe.c_str());
  return absl::OkStatus();
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
  if (fs::equivalent(target, ".", error)) {
    return UserError(target, "is the folder in which this runs; name a new folder");
  }
  if (!fs::exists(fs::symlink_status(NormalFolder(target), error))) return CheckCanBeMade(target);
  if (!fs::exists(target, error)) {
    return UserError(
        target,
        absl::StrCat("is a link to ", fs::read_symlink(NormalFolder(target), error).string(),
                     ", which is not there; make that folder or name another"));
  }
  if (!fs::is_directory(target, error))
    return UserError(target, "is a file; a new or an empty folder was expected");
  if (fs::is_empty(target, error)) return CheckCanBeMade(target);
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
  return CheckCanBeMade(target);
}

absl::Status ReplaceFolder(const std::string& target,
                           const std::function<absl::Status(const std::string&)>& fill) {
  std::error_code error;
  if (!fs::exists(NormalFolder(target), error)) return PublishFolder(target, fill);
  const std::string real = fs::canonical(target, error).string();
  REGROUP_ASSIGN_OR_RETURN(const std::string aside, FillFolderAside(real, fill));
  const int swapped = ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, real.c_str(), RENAME_EXCHANGE);
  const int reason = errno;
  fs::remove_all(aside, error);  // after the exchange: the folder that was replaced
  return swapped == 0 ? absl::OkStatus()
                      : WriteError(target, "cannot swap the new folder in", reason);
}

}  // namespace regroup
