// regroup run: the whole line.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "pipeline/run_recipe.h"

namespace regroup {
namespace {

struct Options {
  std::string recipe;
  std::vector<std::string> set, only, redo;
  std::string out;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("recipe", "the recipe's file").Required(), c.recipe);
    v(Field("set", "key.path=value, wins over the recipe; may be repeated"), c.set);
    v(Field("only", "run these stages only"), c.only);
    v(Field("redo", "move these stages' folders aside and run them again"), c.redo);
    v(Field("out", "run folder (default runs/NAME)"), c.out);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  std::vector<std::string> sets = options.set;
  for (std::string& set : CommonOverrides(common)) sets.push_back(std::move(set));
  const LoadedRecipe loaded = LoadRecipe(options.recipe, sets);
  REGROUP_RETURN_IF_ERROR(loaded.problems.ToStatus());
  return RunRecipe(loaded.recipe, RunOptions{options.out, options.only, options.redo}, std::cout);
}

}  // namespace

Command RunCommand() {
  return MakeCommand<Options>(
      "run", "runs a recipe's stages; the same command starts and resumes",
      {"regroup run recipes/quickstart.yaml",
       "regroup run my.yaml --set stages.parent.pretrain.steps=2k --out runs/longer",
       "regroup run my.yaml --redo table --only table"},
      {"recipe"}, Run);
}

}  // namespace regroup
