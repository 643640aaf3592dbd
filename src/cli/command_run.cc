// regroup run: the whole line.
#include <ATen/ATen.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "cli/share.h"
#include "core/files.h"
#include "core/stop.h"
#include "pipeline/run_recipe.h"
#include "report/report.h"

namespace regroup {
namespace {

struct Options {
  std::string recipe;
  std::vector<std::string> set, only, redo;
  std::string out, stop_after;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("recipe", "the recipe's file, or the name of a shipped one").Required().Path(),
      c.recipe);
    v(Field("set", "key.path=value, wins over the recipe; may be repeated"), c.set);
    v(Field("only", "run these stages only"), c.only);
    v(Field("redo", "move these stages' folders aside and run them again"), c.redo);
    v(Field("out", "run folder (default runs/NAME)").Path(), c.out);
    v(Field("stop_after",
            "a time such as 3h50m or 90s: then the state is saved, and the exit code is 0"),
      c.stop_after);
  }
};

// {"out": run folder, "tables": {compare stage: its table.json}} instead of the tables for people.
absl::Status PrintTables(const Recipe& recipe, const RunOptions& how) {
  const std::string out = RunFolderPath(recipe, how.out);
  Json tables = Json::object();
  for (const Stage& stage : recipe.stages) {
    if (stage.kind != "compare" || !how.Selects(stage.name)) continue;
    const std::string path = JoinPath(JoinPath(out, stage.name), "table.json");
    REGROUP_ASSIGN_OR_RETURN(tables[stage.name], ReadJsonFile(path));
  }
  std::cout << DumpJson({{"out", out}, {"tables", tables}}) << "\n";
  return absl::OkStatus();
}

// The time runs from here; the step in hand and the checkpoint come on top.
absl::Status SetTimeLimit(const std::string& text) {
  if (text.empty()) return absl::OkStatus();
  absl::Duration time;
  if (!absl::ParseDuration(text, &time) || time <= absl::ZeroDuration()) {
    return UserError("--stop-after",
                     absl::StrCat("found \"", text, "\", expected a time such as 3h50m or 90s"));
  }
  StopAfter(absl::ToChronoMilliseconds(std::min(time, absl::Hours(24 * 366))));
  return absl::OkStatus();
}

std::string NextAfterTheRun(const std::string& folder) {
  const std::string page = DefaultReportFile({folder}), look = OwnCommand({"inspect", folder});
  return FileExists(page) ? absl::StrCat("open ", page, " in a browser; ", look) : look;
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  REGROUP_RETURN_IF_ERROR(SetTimeLimit(options.stop_after));
  std::vector<std::string> sets = options.set;
  for (std::string& set : CommonOverrides(common)) sets.push_back(std::move(set));
  const LoadedRecipe loaded = LoadRecipe(RecipeFile(options.recipe), sets);
  REGROUP_RETURN_IF_ERROR(loaded.problems.ToStatus());
  const RunOptions how{options.out, options.only, options.redo};
  std::ostream nowhere(nullptr);
  REGROUP_RETURN_IF_ERROR(GoesOn(RunRecipe(loaded.recipe, how, common.json ? nowhere : std::cout)));
  SayNext(common, NextAfterTheRun(RunFolderPath(loaded.recipe, how.out)));
  return common.json ? PrintTables(loaded.recipe, how) : absl::OkStatus();
}

}  // namespace

Command RunCommand() {
  return MakeCommand<Options>(
      "run", "runs a recipe's stages; the same command starts and resumes",
      {"regroup run recipes/quickstart.yaml",
       "regroup run my.yaml --set stages.parent.pretrain.steps=2k --out runs/longer",
       "regroup run my.yaml --stop-after 3h50m", "regroup run my.yaml --redo table --only table"},
      {"recipe"}, Run);
}

}  // namespace regroup
