// regroup convert: merges the K/V heads of one checkpoint.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "pipeline/convert_folder.h"

namespace regroup {
namespace {

struct Options {
  std::string from, to, kv_heads;
  std::optional<double> kv_budget;
  std::string method = "mean";
  std::optional<std::string> sites;
  std::string calibration;
  bool refit = false;
  int64_t distillation_steps = 0;
  bool overwrite = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "model folder").Required().Path(), c.from);
    v(Field("to", "target folder: absent or empty").Required().Path(), c.to);
    v(Field("kv_heads", "G, or decoder_self=4,cross=2"), c.kv_heads);
    v(Field(
          "kv_budget",
          "in place of --kv-heads: a share of the K/V bytes (25%); G is chosen for each layer and "
          "site by what merging costs; needs --calibration")
          .AtLeast(1e-6)
          .AtMost(1),
      c.kv_budget);
    v(Field("method", "how the heads of a group become one").OneOf(MergeMethodNames()), c.method);
    v(Field("sites",
            "attention sites, with commas: encoder_self,decoder_self,cross; otherwise those that "
            "--kv-heads names, or decoder_self,cross"),
      c.sites);
    v(Field("calibration", "folder of a calibration of the same model (regroup calibrate)").Path(),
      c.calibration);
    v(Field("refit", "fit the output projections anew, in closed form; needs --calibration"),
      c.refit);
    v(Field("distillation_steps",
            "train each merged attention alone for so many steps (200 are usual); needs "
            "--calibration")
          .AtLeast(0),
      c.distillation_steps);
    v(Field("overwrite", "replace a folder that regroup wrote"), c.overwrite);
  }
};

std::vector<std::string> ParseSites(const std::string& text) {
  return absl::StrSplit(text, ',', absl::SkipEmpty());
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  ConvertConfig how;
  if (options.kv_heads.empty() && !options.kv_budget.has_value())
    return UserError("--kv-heads",
                     "is missing; expected G, or decoder_self=4,cross=2, or "
                     "--kv-budget X in its place");
  if (!options.kv_heads.empty()) {
    REGROUP_ASSIGN_OR_RETURN(how.kv_heads, ParseKvHeadsFlag(options.kv_heads));
  }
  how.kv_budget = options.kv_budget;
  if (options.sites.has_value()) how.sites = ParseSites(*options.sites);
  how.method = options.method;
  how.seed = static_cast<uint64_t>(common.seed.value_or(1));
  ConvertFolderOptions request{options.from, options.to, how, options.calibration};
  request.refine.refit = options.refit;
  request.refine.local_distillation.steps = options.distillation_steps;
  request.overwrite = options.overwrite;
  REGROUP_ASSIGN_OR_RETURN(const ConvertOutcome outcome, ConvertFolder(request));
  if (common.json) {
    std::cout << DumpJson(OutcomeJson(outcome)) << "\n";
  } else {
    std::cout << OutcomeText(outcome) << "written: " << options.to << "\n";
  }
  SayNext(common, absl::StrCat(OwnCommand({"score", "--model", options.to, "--data", "ROWS.jsonl"}),
                               " says what it cost; ",
                               OwnCommand({"recipes", "copy", "uptrain-mine", "--model",
                                           options.from, "--data", "ROWS.jsonl"}),
                               " trains it back"));
  return absl::OkStatus();
}

}  // namespace

Command ConvertCommand() {
  return MakeCommand<Options>(
      "convert", "merges the K/V heads of one checkpoint",
      {"regroup convert --from t5-base --to t5-base-gqa4 --kv-heads 4",
       "regroup convert --from t5-base --to t5-base-mixed --kv-heads decoder_self=4,cross=2",
       "regroup convert --from t5-base --to t5-base-mqa --kv-heads 1 --method covariance_svd "
       "--calibration t5-base-calibration --refit"},
      {}, Run);
}

}  // namespace regroup
