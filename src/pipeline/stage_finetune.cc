// Fine-tuning on a task; dev chooses the checkpoint through the real decoder.
#include <ATen/ATen.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "data/rows.h"
#include "pipeline/stage_functions.h"
#include "pipeline/training.h"
#include "recipe/reader.h"

namespace regroup {
namespace {

constexpr int64_t kValidations = 4;  // in a stage that does not say

absl::Status AddData(const TaskConfig& task, const TaskEntry& entry, const FinetuneStage& stage,
                     uint64_t seed, TrainingInputs& inputs) {
  REGROUP_ASSIGN_OR_RETURN(
      std::vector<Row> rows,
      ReadTaskRows(task.text, entry.train, *inputs.tokenizer, RowUse::kTraining));
  REGROUP_ASSIGN_OR_RETURN(std::vector<Row> dev,
                           ReadTaskRows(task.text, entry.dev, *inputs.tokenizer));
  if (stage.validate_rows > 0 && static_cast<int64_t>(dev.size()) > stage.validate_rows) {
    dev.resize(static_cast<size_t>(stage.validate_rows));
  }
  Json hashes = Json::array();
  for (const std::string& path : PathList(entry.train)) {
    REGROUP_ASSIGN_OR_RETURN(const std::string hash, HashFile(path));
    hashes.push_back(hash);
  }
  const Json fingerprint = {{"task", task.text.name}, {"rows", rows.size()}, {"hashes", hashes}};
  inputs.stream = MakeTaskStream(std::move(rows), fingerprint, seed, task.text.lengths.source);
  inputs.validator = MakeTaskValidator(task, std::move(dev), inputs.tokenizer, at::kFloat);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Json> RunFinetune(const StageContext& context) {
  const auto& stage = context.stage->As<FinetuneStage>();
  const Recipe& recipe = *context.recipe;
  const TaskConfig task = ToTaskConfig(recipe.task_files.at(stage.task));
  REGROUP_ASSIGN_OR_RETURN(HfModel source, context.LoadModel(stage.from));
  TrainingInputs inputs;
  REGROUP_ASSIGN_OR_RETURN(inputs.tokenizer, context.TokenizerOf(source));
  REGROUP_RETURN_IF_ERROR(
      AddData(task, recipe.head.tasks.at(stage.task), stage, recipe.head.seed, inputs));

  inputs.config = CommonTrainConfig(context, stage.precision);
  inputs.config.steps = stage.steps;
  inputs.config.batch = stage.batch;
  inputs.config.optimizer = stage.optimizer;
  inputs.config.z_loss = stage.z_loss;
  inputs.config.dropout_rate = stage.dropout_rate;
  inputs.config.save = stage.save;
  inputs.config.log_every = stage.log_every;
  inputs.config.validate_every = stage.validate_every > 0
                                     ? stage.validate_every
                                     : std::max<int64_t>(1, stage.steps / kValidations);
  inputs.config.keep_best = stage.keep_best.value_or(DefaultKeepBest(task));
  inputs.config.keep_best_lower = inputs.config.keep_best == "loss";

  inputs.start.config = source.config;
  inputs.start.weights = std::move(source.weights);
  inputs.start.generation_config = std::move(source.generation_config);
  inputs.start.provenance = source.provenance.is_object() ? source.provenance : Json::object();
  inputs.start.provenance.update(Json{{"recipe", recipe.head.name},
                                      {"stage", context.name()},
                                      {"kind", "finetune"},
                                      {"task", task.text.name}});
  return Train(context, std::move(inputs));
}

}  // namespace regroup
