// Looks into the folders that ShareFolder() finds.
#include "cli/shipped.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/share.h"
#include "core/files.h"
#include "core/near_path.h"

namespace regroup {

std::vector<std::string> ShippedNames(const std::string& folder) {
  std::vector<std::string> names;
  if (ShareFolder().empty()) return names;
  const auto files = ListFolder(JoinPath(ShareFolder(), folder));
  for (const std::string& name : files.value_or(std::vector<std::string>{})) {
    if (name.ends_with(".yaml")) names.push_back(name.substr(0, name.size() - 5));
  }
  return names;
}

absl::StatusOr<std::string> RecipesFolder() {
  const std::string home = ShareFolder();
  if (!home.empty()) return JoinPath(home, "recipes");
  return UserError(
      "recipes",
      "the shipped recipes are not beside this binary; set REGROUP_SHARE to the folder "
      "with recipes/ and configs/");
}

absl::StatusOr<std::string> TaskPath(const std::string& task) {
  if (FileExists(task)) return task;
  const std::string shipped = JoinPath(ShareFolder(), absl::StrCat("configs/task/", task, ".yaml"));
  if (FileExists(shipped)) return shipped;
  const std::vector<std::string> names = ShippedNames("configs/task");
  const std::string near = DidYouMean(task, names);
  return UserError("--task", absl::StrCat("there is no task file \"", task, "\"",
                                          near.empty() ? DidYouMeanPath(task) : near,
                                          "; the shipped ones are ", absl::StrJoin(names, ", ")));
}

}  // namespace regroup
