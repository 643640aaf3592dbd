// What pretrain, uptrain and finetune share: the trainer's call and its result.
#pragma once

#include <memory>
#include <optional>

#include "data/example_stream.h"
#include "pipeline/context.h"
#include "pipeline/lineage.h"
#include "train/trainer.h"

namespace regroup {

struct TrainingInputs {
  TrainConfig config;
  TrainStart start;
  std::unique_ptr<ExampleStream> stream;
  std::unique_ptr<Validator> validator;  // may be null
  std::shared_ptr<const Tokenizer> tokenizer;
};

// A TrainConfig with the values that every stage has: those of the recipe, and of the stage's
// config what all three kinds of training stages name alike.
template <class StageKind>
TrainConfig CommonTrainConfig(const StageContext& context, const StageKind& stage) {
  TrainConfig config;
  config.stage = context.name();
  config.precision = context.Precision(stage.precision);
  config.device = context.device;
  config.seed = context.recipe->head.seed;
  config.keep_best = stage.keep_best;
  config.guard = stage.guard;
  config.save = stage.save;
  config.log_every = stage.log_every;
  return config;
}

// What each kind of training stage hands to the trainer; each in its own file (stage_<kind>.cc).
absl::StatusOr<TrainingInputs> PretrainInputs(const StageContext& context);
absl::StatusOr<TrainingInputs> UptrainInputs(const StageContext& context);
absl::StatusOr<TrainingInputs> FinetuneInputs(const StageContext& context);

// Runs (or goes on with) the stage's training: {"model", "steps", "best_step", "best",
// "stopped_early", "skipped", "validations", "data_position"}.
absl::StatusOr<Json> Train(const StageContext& context, TrainingInputs inputs);

}  // namespace regroup
