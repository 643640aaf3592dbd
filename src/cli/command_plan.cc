// regroup plan: checks and estimates, writes nothing.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "cli/share.h"
#include "pipeline/device.h"
#include "pipeline/plan.h"

namespace regroup {
namespace {

struct Options {
  std::string recipe;
  std::vector<std::string> set;
  std::string device_spec;
  bool calibrate = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("recipe", "the recipe's file, or the name of a shipped one").Required().Path(),
      c.recipe);
    v(Field("set", "key.path=value, wins over the recipe; may be repeated"), c.set);
    v(Field("device_spec", "plans for a machine that is not here: h100:8, a100-80gb, cpu:16"),
      c.device_spec);
    v(Field("calibrate", "measures this machine's rates first (seconds) and remembers them"),
      c.calibrate);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  std::vector<std::string> sets = options.set;
  for (std::string& set : CommonOverrides(common)) sets.push_back(std::move(set));
  std::optional<Device> device;
  if (!options.device_spec.empty()) {
    REGROUP_ASSIGN_OR_RETURN(device, DeviceOf(options.device_spec));
    if (options.calibrate)
      return UserError("--calibrate", "measures this machine, --device-spec plans for another");
  }
  if (options.calibrate) REGROUP_RETURN_IF_ERROR(CalibrateMachine());
  const LoadedRecipe loaded = LoadRecipe(RecipeFile(options.recipe), sets);
  RecipePlan plan;
  if (loaded.problems.empty()) {
    plan = PlanRecipe(loaded.recipe, device);
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
      {"regroup plan recipes/quickstart.yaml", "regroup plan my.yaml --set seed=2 --json",
       "regroup plan recipes/t5-v1_1-xl.yaml --device-spec h100:8"},
      {"recipe"}, Run);
}

}  // namespace regroup
