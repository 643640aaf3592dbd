// regroup calibrate: what a model's attentions see on some rows, for better merges than the mean.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "pipeline/calibrate_folder.h"
#include "pipeline/run_recipe.h"

namespace regroup {
namespace {

struct Options {
  std::string model, data, to;
  CalibrateConfig config;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "model folder").Required().Path(), c.model);
    v(Field("data", "rows as JSON lines, with targets; text like the model's pre-training is best")
          .Required()
          .Path(),
      c.data);
    v(Field("to", "folder of the calibration; one that was stopped goes on").Required().Path(),
      c.to);
    v(Field("rows", "the first so many rows of the data").AtLeast(1).AtMost(1 << 20),
      c.config.rows);
    v(Field("micro_batch", "rows computed at once").AtLeast(1).AtMost(4096), c.config.micro_batch);
    v(Field("encoder", "measure the encoder's attentions too"), c.config.encoder);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  CalibrateFolderOptions request{options.model, options.data, options.to, options.config};
  if (!common.precision.empty()) request.config.precision = common.precision;
  REGROUP_ASSIGN_OR_RETURN(request.device,
                           ResolveDevice(common.device.empty() ? "auto" : common.device));
  REGROUP_ASSIGN_OR_RETURN(const Json found, CalibrateFolder(request));
  if (common.json) {
    std::cout << DumpJson(found) << "\n";
  } else {
    std::cout << CalibrationText(found) << "written: " << options.to << "\n";
  }
  SayNext(common, OwnCommand({"convert", "--from", options.model, "--to", options.model + "-mqa",
                              "--kv-heads", "1", "--method", "covariance_svd", "--calibration",
                              options.to, "--refit"}));
  return absl::OkStatus();
}

}  // namespace

Command CalibrateCommand() {
  return MakeCommand<Options>(
      "calibrate", "measures what a model's attentions see, for better merges than the mean",
      {"regroup calibrate --model t5-base --data rows.jsonl --to t5-base-calibration",
       "regroup convert --from t5-base --to t5-base-mqa --kv-heads 1 --method covariance_svd "
       "--calibration t5-base-calibration --refit"},
      {}, Run);
}

}  // namespace regroup
