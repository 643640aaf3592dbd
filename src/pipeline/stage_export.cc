// Export as a stage: a folder that other software loads.
#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "pipeline/export_folder.h"
#include "pipeline/stage_functions.h"

namespace regroup {

namespace {

// The stage that exported this folder; "" where none is recorded.
std::string WrittenBy(const std::string& folder) {
  const auto provenance = ReadConfigFile(JoinPath(folder, "regroup.json"));
  if (!provenance.ok() || !provenance->is_object()) return "";
  const Json exported = provenance->value("export", Json::object());
  return exported.is_object() ? exported.value("by", "") : "";
}

}  // namespace

absl::StatusOr<Json> RunExport(const StageContext& context) {
  const auto& stage = context.stage->As<ExportStage>();
  ExportFolderOptions options;
  REGROUP_ASSIGN_OR_RETURN(options.from, context.ModelFolder(stage.from));
  options.to = stage.to.empty() ? JoinPath(context.folder(), "model") : stage.to;
  options.expand_kv = stage.expand_kv;
  options.by = absl::StrCat(context.recipe->head.name, "/", context.name());
  // What this stage wrote before it was killed or redone may be replaced.
  options.overwrite = stage.to.empty() || WrittenBy(options.to) == options.by;
  return ExportFolder(options);
}

}  // namespace regroup
