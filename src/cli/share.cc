// See share.h.
#include "cli/share.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/near_path.h"

namespace regroup {
namespace {

bool IsShare(const std::filesystem::path& folder) {
  return FolderExists((folder / "recipes").string()) && FolderExists((folder / "configs").string());
}

}  // namespace

std::string ShareFolder() {
  if (const char* named = std::getenv("REGROUP_SHARE")) return named;
  std::error_code error;
  std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::filesystem::path installed = folder.parent_path() / "share" / "regroup";
  if (IsShare(installed)) return installed.string();
  for (; folder.has_relative_path(); folder = folder.parent_path()) {
    if (IsShare(folder)) return folder.string();
  }
  return "";
}

std::string RecipeFile(const std::string& given) {
  if (FileExists(given)) return given;
  const std::string shipped =
      JoinPath(JoinPath(ShareFolder(), "recipes"), absl::StrCat(given, ".yaml"));
  const bool looks_shipped = given.find_first_of("/.") == std::string::npos;
  const bool near = looks_shipped && !DidYouMeanPath(shipped).empty();
  return FileExists(shipped) || near ? shipped : given;
}

}  // namespace regroup
