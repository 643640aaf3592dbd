// Every command of the binary, one file each (command_<name>.cc).
#pragma once

#include <vector>

#include "cli/command.h"

namespace regroup {

Command RunCommand();
Command PlanCommand();
Command ReplayCommand();
Command CalibrateCommand();
Command ConvertCommand();
Command ExportCommand();
Command InspectCommand();
Command ScoreCommand();
Command GenerateCommand();
Command EvaluateCommand();
Command MetricsCommand();
Command BenchDecodeCommand();
Command TokenizeTrainCommand();
Command TokenizeEncodeCommand();
Command TokenizeDecodeCommand();
Command RecipesListCommand();
Command RecipesShowCommand();
Command RecipesCopyCommand();
Command ReportCommand();
Command WatchCommand();
Command CompletionCommand();
Command DoctorCommand();
Command DocsCommand();

// In the order of the overview.
std::vector<Command> AllCommands();

// One line on a group of commands ("bench", "tokenize", "recipes"), for the overview.
std::string GroupSummary(const std::string& group);

// A command that was stopped and goes on when it is given again says so.
absl::Status GoesOn(const absl::Status& status);

// --device, --precision and --seed as overrides of a recipe.
std::vector<std::string> CommonOverrides(const CommonOptions& common);

}  // namespace regroup
