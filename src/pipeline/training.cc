// The shared half of the training stages.
#include "pipeline/training.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "data/span_corruption.h"
#include "evaluate/score.h"

namespace regroup {

TrainConfig CommonTrainConfig(const StageContext& context,
                              const std::optional<std::string>& precision) {
  TrainConfig config;
  config.stage = context.name();
  config.precision = context.Precision(precision);
  config.device = context.device;
  config.seed = context.recipe->head.seed;
  return config;
}

absl::StatusOr<Json> Train(const StageContext& context, TrainingInputs inputs) {
  REGROUP_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(std::move(inputs.config), std::move(inputs.start), inputs.stream.get(),
                      inputs.validator.get(), inputs.tokenizer, context.folder()));
  REGROUP_ASSIGN_OR_RETURN(const TrainResult result, trainer->Run());
  Json validations = Json::object();
  for (const auto& [step, values] : result.validations) validations[absl::StrCat(step)] = values;
  return Json{{"model", BaseName(result.folder)},
              {"steps", result.steps},
              {"best_step", result.best_step.has_value() ? Json(*result.best_step) : Json(nullptr)},
              {"validations", validations},
              {"data_position", result.data_position}};
}

absl::StatusOr<std::unique_ptr<Validator>> HeldOutValidator(
    const StageContext& context, const Lineage& lineage,
    const std::optional<HeldOutConfig>& validate, std::shared_ptr<const Tokenizer> tokenizer) {
  if (!validate.has_value()) return nullptr;
  SpanCorruptionConfig data = lineage.data;
  data.mixture.clear();
  const std::map<std::string, CorpusConfig> corpora = {
      {validate->corpus, context.recipe->head.corpora.at(validate->corpus)}};
  REGROUP_ASSIGN_OR_RETURN(
      std::vector<Example> examples,
      ReadHeldOut(data, corpora, std::move(tokenizer), lineage.seed, validate->rows));
  if (examples.empty())
    return UserError(absl::StrCat("corpora.", validate->corpus), "holds no text to validate on");
  return MakeLossValidator(kHeldOutLoss, std::move(examples), at::kFloat);
}

}  // namespace regroup
