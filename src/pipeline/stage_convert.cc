// Merging of K/V heads as a stage: leaves model/ in the stage's folder.
#include <ATen/ATen.h>

#include "checkpoint/manifest.h"
#include "core/files.h"
#include "pipeline/convert_folder.h"
#include "pipeline/stage_functions.h"

namespace regroup {

absl::StatusOr<Json> RunConvert(const StageContext& context) {
  const auto& stage = context.stage->As<ConvertStage>();
  ConvertFolderOptions options;
  REGROUP_ASSIGN_OR_RETURN(options.from, context.ModelFolder(stage.from));
  options.to = JoinPath(context.folder(), "model");
  options.convert = stage.convert;
  options.convert.seed = context.recipe->head.seed;
  options.refine = stage.refine;
  options.device = context.device;
  REGROUP_ASSIGN_OR_RETURN(options.calibration, context.CalibrationFolder(stage.calibration));
  // A model that is there without the stage's record is left by a kill between the two; it is made
  // again.
  options.overwrite = true;
  options.provenance =
      Json{{"recipe", context.recipe->head.name}, {"stage", context.name()}, {"kind", "convert"}};
  REGROUP_ASSIGN_OR_RETURN(const ConvertOutcome outcome, ConvertFolder(options));
  REGROUP_RETURN_IF_ERROR(WriteManifest(options.to));
  Json result = OutcomeJson(outcome);
  result["model"] = "model";
  return result;
}

}  // namespace regroup
