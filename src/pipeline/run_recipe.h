// Runs a recipe: the same call starts it and goes on with it. The `run` command calls it.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "core/status.h"
#include "recipe/recipe.h"

namespace regroup {

struct RunOptions {
  std::string out;                // run folder; "": runs/<name>
  std::vector<std::string> only;  // stages; empty: all
  std::vector<std::string>
      redo;  // stages whose folders are moved aside first, with those that depend on them

  // Runs under --only.
  bool Selects(const std::string& stage) const;
};

// Stages in dependency order: finished ones are skipped, an interrupted one goes on. Before
// anything runs: problems of the plan and stages whose keys changed since they ran are UserErrors.
// Tables of compare stages are written to `out`.
absl::Status RunRecipe(const Recipe& recipe, const RunOptions& options, std::ostream& out);

// runs/<name>, or `out`.
std::string RunFolderPath(const Recipe& recipe, const std::string& out);

// "cpu" or "cuda" for a recipe's device ("auto": cuda if there is one).
absl::StatusOr<std::string> ResolveDevice(const std::string& device);

}  // namespace regroup
