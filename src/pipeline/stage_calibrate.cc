// Calibration as a stage: leaves calibration/ in the stage's folder.
#include <ATen/ATen.h>

#include "calibrate/calibration.h"
#include "core/files.h"
#include "pipeline/lineage.h"
#include "pipeline/source_stream.h"
#include "pipeline/stage_functions.h"

namespace regroup {
namespace {

absl::StatusOr<std::vector<Example>> NextExamples(const StageContext& context,
                                                  const HfModel& source,
                                                  const SpanCorruptionConfig& data, int64_t rows) {
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, context.TokenizerOf(source));
  REGROUP_ASSIGN_OR_RETURN(const auto lineage,
                           LineageOf(*context.recipe, context.stage->As<CalibrateStage>().from));
  const uint64_t seed = lineage.has_value() ? lineage->seed : context.recipe->head.seed;
  REGROUP_ASSIGN_OR_RETURN(const SourceStream found,
                           OpenSourceStream(context, source, data, seed, tokenizer));
  REGROUP_RETURN_IF_ERROR(found.stream->Seek(found.position, found.hint));
  std::vector<Example> examples;
  while (static_cast<int64_t>(examples.size()) < rows) {
    REGROUP_ASSIGN_OR_RETURN(Example example, found.stream->Next());
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace

absl::StatusOr<Json> RunCalibrate(const StageContext& context) {
  const auto& stage = context.stage->As<CalibrateStage>();
  REGROUP_ASSIGN_OR_RETURN(const SpanCorruptionConfig data,
                           CalibrationData(*context.recipe, *context.stage));
  REGROUP_ASSIGN_OR_RETURN(const HfModel source, context.LoadModel(stage.from));
  CalibrationRequest request;
  REGROUP_ASSIGN_OR_RETURN(request.rows, NextExamples(context, source, data, stage.calibrate.rows));
  request.model = &source;
  request.data = ConfigToJson(data);
  request.folder = JoinPath(context.folder(), "calibration");
  request.config = stage.calibrate;
  request.device = context.device;
  REGROUP_ASSIGN_OR_RETURN(Json found, Calibrate(request));
  found["calibration"] = "calibration";
  return found;
}

}  // namespace regroup
