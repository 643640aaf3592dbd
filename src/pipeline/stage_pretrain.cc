// Pre-training from scratch on span corruption.
#include <ATen/ATen.h>

#include "data/span_corruption.h"
#include "model/state_dict.h"
#include "pipeline/stage_functions.h"
#include "pipeline/training.h"
#include "pipeline/validation.h"

namespace regroup {

absl::StatusOr<TrainingInputs> PretrainInputs(const StageContext& context) {
  const auto& stage = context.stage->As<PretrainStage>();
  const Recipe& recipe = *context.recipe;
  TrainingInputs inputs;
  REGROUP_ASSIGN_OR_RETURN(inputs.tokenizer, context.RecipeTokenizer());
  REGROUP_ASSIGN_OR_RETURN(const auto lineage, LineageOf(recipe, context.name()));
  REGROUP_ASSIGN_OR_RETURN(
      inputs.stream, OpenSpanCorruptionStream(stage.data, recipe.head.corpora, inputs.tokenizer,
                                              recipe.head.seed));
  REGROUP_ASSIGN_OR_RETURN(inputs.validator,
                           StageValidator(context, *lineage, stage.validate, inputs.tokenizer));

  inputs.config = CommonTrainConfig(context, stage);
  inputs.config.steps = stage.steps;
  inputs.config.batch = stage.batch;
  inputs.config.optimizer = stage.optimizer;
  inputs.config.z_loss = stage.z_loss;
  inputs.config.dropout_rate = stage.model.dropout_rate;
  inputs.config.early_stopping = stage.early_stopping;
  if (stage.validate.has_value()) inputs.config.validate_every = stage.validate->every;

  inputs.start.config = MakeT5Config(stage.model, inputs.tokenizer->size());
  REGROUP_RETURN_IF_ERROR(ValidateT5Config(inputs.start.config, context.stage->Place()));
  inputs.start.weights = InitializeWeights(inputs.start.config, recipe.head.seed);
  inputs.start.provenance = Json{{"recipe", recipe.head.name},
                                 {"stage", context.name()},
                                 {"kind", "pretrain"},
                                 {"pretraining", ConfigToJson(*lineage)}};
  return inputs;
}

absl::StatusOr<Json> RunPretrain(const StageContext& context) {
  REGROUP_ASSIGN_OR_RETURN(TrainingInputs inputs, PretrainInputs(context));
  return Train(context, std::move(inputs));
}

}  // namespace regroup
