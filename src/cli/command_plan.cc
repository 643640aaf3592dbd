// regroup plan: checks and estimates, writes nothing.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/share.h"
#include "pipeline/plan.h"

namespace regroup {
namespace {

struct Options {
  std::string recipe;
  std::vector<std::string> set;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("recipe", "the recipe's file, or the name of a shipped one").Required(), c.recipe);
    v(Field("set", "key.path=value, wins over the recipe; may be repeated"), c.set);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  std::vector<std::string> sets = options.set;
  for (std::string& set : CommonOverrides(common)) sets.push_back(std::move(set));
  const LoadedRecipe loaded = LoadRecipe(RecipeFile(options.recipe), sets);
  RecipePlan plan;
  if (loaded.problems.empty()) {
    plan = PlanRecipe(loaded.recipe);
  } else {
    plan.problems = loaded.problems;
  }
  if (common.json) {
    std::cout << DumpJson(PlanToJson(plan)) << "\n";
  } else if (!plan.stages.empty()) {
    std::cout << PlanToText(plan);
  }
  return plan.problems.ToStatus();
}

}  // namespace

Command PlanCommand() {
  return MakeCommand<Options>(
      "plan", "checks a recipe and estimates parameters, memory, disk, time",
      {"regroup plan recipes/quickstart.yaml", "regroup plan my.yaml --set seed=2 --json"},
      {"recipe"}, Run);
}

}  // namespace regroup
