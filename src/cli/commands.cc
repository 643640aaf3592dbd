// The list of commands and what several of them share.
#include "cli/commands.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {

std::vector<Command> AllCommands() {
  std::vector<Command> commands = {RunCommand(),
                                   PlanCommand(),
                                   ConvertCommand(),
                                   ExportCommand(),
                                   InspectCommand(),
                                   ScoreCommand(),
                                   GenerateCommand(),
                                   EvaluateCommand(),
                                   MetricsCommand(),
                                   BenchDecodeCommand(),
                                   TokenizeTrainCommand(),
                                   TokenizeEncodeCommand(),
                                   TokenizeDecodeCommand(),
                                   RecipesListCommand(),
                                   RecipesShowCommand(),
                                   DoctorCommand(),
                                   DocsCommand()};
  commands.back().hidden = true;
  return commands;
}

std::string GroupSummary(const std::string& group) {
  static const std::map<std::string, std::string> summaries = {
      {"bench", "speed, memory and K/V bytes of checkpoints side by side"},
      {"tokenize", "trains a vocabulary; text to ids and back"},
      {"recipes", "the shipped recipes"}};
  return summaries.at(group);
}

std::vector<std::string> CommonOverrides(const CommonOptions& common) {
  std::vector<std::string> sets;
  if (!common.device.empty()) sets.push_back(absl::StrCat("device=", common.device));
  if (!common.precision.empty()) sets.push_back(absl::StrCat("precision=", common.precision));
  if (common.seed.has_value()) sets.push_back(absl::StrCat("seed=", *common.seed));
  return sets;
}

std::string HomeFolder() {
  if (const char* home = std::getenv("REGROUP_HOME")) return home;
  std::error_code error;
  std::filesystem::path folder =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  for (; folder.has_relative_path(); folder = folder.parent_path()) {
    if (FolderExists((folder / "recipes").string()) && FolderExists((folder / "configs").string()))
      return folder.string();
  }
  return "";
}

}  // namespace regroup
