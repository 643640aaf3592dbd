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

// A TrainConfig with the values that every stage has.
TrainConfig CommonTrainConfig(const StageContext& context,
                              const std::optional<std::string>& precision);

// Runs (or goes on with) the stage's training: {"model", "steps", "best_step", "validations",
// "data_position"}.
absl::StatusOr<Json> Train(const StageContext& context, TrainingInputs inputs);

// The held-out loss ("heldout_loss") as a validator; null if `validate` is absent.
absl::StatusOr<std::unique_ptr<Validator>> HeldOutValidator(
    const StageContext& context, const Lineage& lineage,
    const std::optional<HeldOutConfig>& validate, std::shared_ptr<const Tokenizer> tokenizer);
inline constexpr char kHeldOutLoss[] = "heldout_loss";

}  // namespace regroup
