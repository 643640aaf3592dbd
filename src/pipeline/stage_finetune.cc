// Fine-tuning on a task; dev chooses the checkpoint through the real decoder.
#include <ATen/ATen.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "data/rows.h"
#include "pipeline/stage_functions.h"
#include "pipeline/training.h"
#include "pipeline/validation.h"
#include "recipe/reader.h"

namespace regroup {
namespace {

constexpr int64_t kValidations = 4;  // in a stage that does not say

// The task's training rows, in an order drawn from `seed`.
absl::StatusOr<std::unique_ptr<ExampleStream>> TrainingRows(const TaskConfig& task,
                                                            const TaskEntry& entry, uint64_t seed,
                                                            const Tokenizer& tokenizer) {
  REGROUP_ASSIGN_OR_RETURN(std::vector<Row> rows,
                           ReadTaskRows(task.text, entry.train, tokenizer, RowUse::kTraining));
  Json hashes = Json::array();
  for (const std::string& path : PathList(entry.train)) {
    REGROUP_ASSIGN_OR_RETURN(const std::string hash, HashFile(path));
    hashes.push_back(hash);
  }
  const Json fingerprint = {{"task", task.text.name}, {"rows", rows.size()}, {"hashes", hashes}};
  return MakeTaskStream(std::move(rows), fingerprint, seed, task.text.lengths.source);
}

// The task's own dev rows, and those of validate_tasks.
absl::StatusOr<std::unique_ptr<Validator>> TaskValidators(
    const StageContext& context, const FinetuneStage& stage,
    const std::shared_ptr<const Tokenizer>& tokenizer) {
  std::vector<std::unique_ptr<Validator>> all(1);
  REGROUP_ASSIGN_OR_RETURN(all.front(),
                           DevValidator(context, stage.task, "", stage.validate_rows, tokenizer));
  for (const std::string& name : stage.validate_tasks) {
    REGROUP_ASSIGN_OR_RETURN(
        all.emplace_back(),
        DevValidator(context, name, absl::StrCat(name, "/"), stage.validate_rows, tokenizer));
  }
  return CombineValidators(std::move(all));
}

}  // namespace

absl::StatusOr<TrainingInputs> FinetuneInputs(const StageContext& context) {
  const auto& stage = context.stage->As<FinetuneStage>();
  const Recipe& recipe = *context.recipe;
  const TaskConfig task = ToTaskConfig(recipe.task_files.at(stage.task));
  REGROUP_ASSIGN_OR_RETURN(HfModel source, context.LoadModel(stage.from));
  TrainingInputs inputs;
  REGROUP_ASSIGN_OR_RETURN(inputs.tokenizer, context.TokenizerOf(source));
  REGROUP_ASSIGN_OR_RETURN(inputs.stream, TrainingRows(task, recipe.head.tasks.at(stage.task),
                                                       recipe.head.seed, *inputs.tokenizer));
  REGROUP_ASSIGN_OR_RETURN(inputs.validator, TaskValidators(context, stage, inputs.tokenizer));

  inputs.config = CommonTrainConfig(context, stage);
  inputs.config.steps = stage.steps;
  inputs.config.batch = stage.batch;
  inputs.config.optimizer = stage.optimizer;
  inputs.config.z_loss = stage.z_loss;
  inputs.config.dropout_rate = stage.dropout_rate;
  inputs.config.early_stopping = stage.early_stopping;
  inputs.config.validate_every = stage.validate_every > 0
                                     ? stage.validate_every
                                     : std::max<int64_t>(1, stage.steps / kValidations);
  if (stage.keep_best.empty()) inputs.config.keep_best = {DefaultKeepBest(task)};

  inputs.start.config = source.config;
  inputs.start.weights = std::move(source.weights);
  inputs.start.generation_config = std::move(source.generation_config);
  inputs.start.provenance = source.provenance.is_object() ? source.provenance : Json::object();
  inputs.start.provenance.update(Json{{"recipe", recipe.head.name},
                                      {"stage", context.name()},
                                      {"kind", "finetune"},
                                      {"task", task.text.name}});
  return inputs;
}

absl::StatusOr<Json> RunFinetune(const StageContext& context) {
  REGROUP_ASSIGN_OR_RETURN(TrainingInputs inputs, FinetuneInputs(context));
  return Train(context, std::move(inputs));
}

}  // namespace regroup
