// Decoding and scoring of one split of a task: evaluation.json and predictions.jsonl in the stage's
// folder.
#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/files.h"
#include "core/log.h"
#include "data/rows.h"
#include "pipeline/stage_functions.h"

namespace regroup {
namespace {

TaskConfig TaskOf(const StageContext& context, const EvaluateStage& stage) {
  TaskConfig task = ToTaskConfig(context.recipe->task_files.at(stage.task));
  if (stage.beams.has_value()) task.decode.beams = *stage.beams;
  if (stage.max_length.has_value()) task.decode.max_length = *stage.max_length;
  if (stage.bootstrap.has_value())
    task.metric_options.bootstrap = static_cast<int>(*stage.bootstrap);
  return task;
}

std::string Summary(const TaskEvaluation& evaluation) {
  std::string text;
  for (const auto& [name, value] : evaluation.metrics)
    absl::StrAppendFormat(&text, "  %s %.2f", name, value);
  return text;
}

}  // namespace

absl::StatusOr<Json> RunEvaluate(const StageContext& context) {
  const auto& stage = context.stage->As<EvaluateStage>();
  const TaskEntry& entry = context.recipe->head.tasks.at(stage.task);
  const TaskConfig task = TaskOf(context, stage);
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, context.LoadModel(stage.from));
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, context.TokenizerOf(model));
  REGROUP_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      ReadTaskRows(task.text, stage.split == "dev" ? entry.dev : entry.test, *tokenizer));
  const at::ScalarType compute =
      stage.precision.value_or("fp32") == "bf16" ? at::kBFloat16 : at::kFloat;
  REGROUP_ASSIGN_OR_RETURN(const TaskEvaluation evaluation,
                           EvaluateModel(model, task, rows, *tokenizer,
                                         {stage.split, compute, context.recipe->head.seed}));
  const std::string predictions = JoinPath(context.folder(), "predictions.jsonl");
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(predictions, PredictionLines(evaluation, rows)));
  Json json = EvaluationToJson(evaluation, predictions);
  REGROUP_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(context.folder(), "evaluation.json"), DumpJsonPretty(json)));
  LogInfo(absl::StrCat(context.name(), ":", Summary(evaluation)));
  json["predictions"] = BaseName(predictions);  // the folder may be moved
  return json;
}

}  // namespace regroup
