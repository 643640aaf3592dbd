// One function per kind of stage, each in its own file (stage_<kind>.cc). Each reads its inputs
// through the context, works in the stage's folder and returns the stage's result for stage.json.
// All can be called again after a kill.
#pragma once

#include "core/json.h"
#include "core/status.h"
#include "pipeline/context.h"

namespace regroup {

absl::StatusOr<Json> RunTokenizer(const StageContext& context);
absl::StatusOr<Json> RunPretrain(const StageContext& context);
absl::StatusOr<Json> RunCalibrate(const StageContext& context);
absl::StatusOr<Json> RunConvert(const StageContext& context);
absl::StatusOr<Json> RunUptrain(const StageContext& context);
absl::StatusOr<Json> RunFinetune(const StageContext& context);
absl::StatusOr<Json> RunEvaluate(const StageContext& context);
absl::StatusOr<Json> RunExport(const StageContext& context);
absl::StatusOr<Json> RunBench(const StageContext& context);
absl::StatusOr<Json> RunCompare(const StageContext& context);

}  // namespace regroup
