// The list of commands and what several of them share.
#include "cli/commands.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "core/stop.h"

namespace regroup {

namespace {

Command With(Command command, Computes computes, OnSignal on_signal = OnSignal::kEnd) {
  command.computes = computes;
  command.on_signal = on_signal;
  return command;
}

}  // namespace

std::vector<Command> AllCommands() {
  std::vector<Command> commands = {With(RunCommand(), Computes::kAnywhere, OnSignal::kPoll),
                                   With(PlanCommand(), Computes::kAnywhere),
                                   With(ReplayCommand(), Computes::kOnCpu, OnSignal::kPoll),
                                   With(CalibrateCommand(), Computes::kAnywhere, OnSignal::kPoll),
                                   With(ConvertCommand(), Computes::kNothing, OnSignal::kPoll),
                                   ExportCommand(),
                                   InspectCommand(),
                                   With(ScoreCommand(), Computes::kOnCpu, OnSignal::kPoll),
                                   With(GenerateCommand(), Computes::kOnCpu, OnSignal::kPoll),
                                   With(EvaluateCommand(), Computes::kOnCpu, OnSignal::kPoll),
                                   MetricsCommand(),
                                   With(BenchDecodeCommand(), Computes::kOnCpu, OnSignal::kPoll),
                                   TokenizeTrainCommand(),
                                   TokenizeEncodeCommand(),
                                   TokenizeDecodeCommand(),
                                   RecipesListCommand(),
                                   RecipesShowCommand(),
                                   RecipesCopyCommand(),
                                   ReportCommand(),
                                   With(WatchCommand(), Computes::kNothing, OnSignal::kPoll),
                                   CompletionCommand(),
                                   DoctorCommand(),
                                   DocsCommand()};
  commands.back().hidden = true;
  return commands;
}

absl::Status GoesOn(const absl::Status& status) {
  if (!IsStopped(status)) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), "; the state is saved: continue with the same command"));
}

std::string GroupSummary(const std::string& group) {
  static const std::map<std::string, std::string> summaries = {
      {"bench", "speed, memory and K/V bytes of checkpoints side by side"},
      {"tokenize", "trains a vocabulary; text to ids and back"},
      {"recipes", "the shipped recipes, and one for your own checkpoint and rows"}};
  return summaries.at(group);
}

std::vector<std::string> CommonOverrides(const CommonOptions& common) {
  std::vector<std::string> sets;
  if (!common.device.empty()) sets.push_back(absl::StrCat("device=", common.device));
  if (!common.precision.empty()) sets.push_back(absl::StrCat("precision=", common.precision));
  if (common.seed.has_value()) sets.push_back(absl::StrCat("seed=", *common.seed));
  return sets;
}

}  // namespace regroup
