// Export as a stage: a folder that other software loads.
#include <ATen/ATen.h>

#include "core/files.h"
#include "pipeline/export_folder.h"
#include "pipeline/stage_functions.h"

namespace regroup {

absl::StatusOr<Json> RunExport(const StageContext& context) {
  const auto& stage = context.stage->As<ExportStage>();
  ExportFolderOptions options;
  REGROUP_ASSIGN_OR_RETURN(options.from, context.ModelFolder(stage.from));
  options.to = stage.to.empty() ? JoinPath(context.folder(), "model") : stage.to;
  options.expand_kv = stage.expand_kv;
  // In the stage's own folder a model without the stage's record is left by a kill between the two.
  options.overwrite = stage.to.empty();
  return ExportFolder(options);
}

}  // namespace regroup
