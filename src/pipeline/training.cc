// The shared half of the training stages.
#include "pipeline/training.h"

#include "absl/strings/str_cat.h"
#include "core/files.h"

namespace regroup {
namespace {

Json ValidationsJson(const Validations& validations) {
  Json json = Json::object();
  for (const auto& [step, values] : validations) json[absl::StrCat(step)] = values;
  return json;
}

// {"rouge1": {"step": 150, "value": 13.2, "model": "step-00000150"}}
Json BestJson(const TrainResult& result) {
  Json json = Json::object();
  for (const auto& [name, step] : result.best) {
    json[name] = {{"step", step},
                  {"value", result.validations.at(step).at(name)},
                  {"model", CheckpointName(step)}};
  }
  return json;
}

}  // namespace

absl::StatusOr<Json> Train(const StageContext& context, TrainingInputs inputs) {
  const std::vector<std::string> keep_best = inputs.config.keep_best;
  REGROUP_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(std::move(inputs.config), std::move(inputs.start), inputs.stream.get(),
                      inputs.validator.get(), inputs.tokenizer, context.folder()));
  REGROUP_ASSIGN_OR_RETURN(const TrainResult result, trainer->Run());
  const bool chosen = !keep_best.empty() && result.best.contains(keep_best.front());
  return Json{{"model", BaseName(result.folder)},
              {"steps", result.steps},
              {"best_step", chosen ? Json(result.best.at(keep_best.front())) : Json(nullptr)},
              {"best", BestJson(result)},
              {"stopped_early", result.stopped_early},
              {"skipped", result.skipped},
              {"validations", ValidationsJson(result.validations)},
              {"data_position", result.data_position}};
}

}  // namespace regroup
