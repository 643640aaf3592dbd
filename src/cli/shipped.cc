// Looks into the folders that HomeFolder() finds.
#include "cli/shipped.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "core/files.h"
#include "core/near_path.h"

namespace regroup {

absl::StatusOr<std::string> TaskPath(const std::string& task) {
  if (FileExists(task)) return task;
  const std::string folder = JoinPath(HomeFolder(), "configs/task");
  const std::string shipped = JoinPath(folder, task + ".yaml");
  if (FileExists(shipped)) return shipped;
  std::vector<std::string> names;
  for (const std::string& name : ListFolder(folder).value_or(std::vector<std::string>{})) {
    if (name.ends_with(".yaml")) names.push_back(name.substr(0, name.size() - 5));
  }
  const std::string near = DidYouMean(task, names);
  return UserError("--task", absl::StrCat("there is no task file \"", task, "\"",
                                          near.empty() ? DidYouMeanPath(task) : near,
                                          "; the shipped ones are ", absl::StrJoin(names, ", ")));
}

}  // namespace regroup
