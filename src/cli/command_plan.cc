// regroup plan: checks and estimates, writes nothing.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "pipeline/plan.h"

namespace regroup {
namespace {

struct Options {
  std::string recipe;
  std::vector<std::string> set;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("recipe", "the recipe's file").Required().Path(), c.recipe);
    v(Field("set", "key.path=value, wins over the recipe; may be repeated"), c.set);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  std::vector<std::string> sets = options.set;
  for (std::string& set : CommonOverrides(common)) sets.push_back(std::move(set));
  const LoadedRecipe loaded = LoadRecipe(options.recipe, sets);
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
  REGROUP_RETURN_IF_ERROR(plan.problems.ToStatus());
  std::vector<std::string> words = {"run", options.recipe};
  for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
  SayNext(common, OwnCommand(words));
  return absl::OkStatus();
}

}  // namespace

Command PlanCommand() {
  return MakeCommand<Options>(
      "plan", "checks a recipe and estimates parameters, memory, disk, time",
      {"regroup plan recipes/quickstart.yaml", "regroup plan my.yaml --set seed=2 --json"},
      {"recipe"}, Run);
}

}  // namespace regroup
