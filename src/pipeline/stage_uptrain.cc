// Uptraining (GQA paper, section 2.1): the source's own pre-training goes on for a share alpha of
// its original steps.
#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "checkpoint/run_checkpoint.h"
#include "pipeline/source_stream.h"
#include "pipeline/stage_functions.h"
#include "pipeline/training.h"
#include "pipeline/validation.h"

namespace regroup {
namespace {

absl::StatusOr<SourceStream> OpenData(const StageContext& context, const HfModel& source,
                                      const Lineage& after,
                                      const std::shared_ptr<const Tokenizer>& tokenizer) {
  const std::optional<int64_t> data_seed = context.stage->As<UptrainStage>().data_seed;
  if (!data_seed.has_value())
    return OpenSourceStream(context, source, after.data, after.seed, tokenizer);
  return OpenReorderedStream(context, after.data, after.seed, static_cast<uint64_t>(*data_seed),
                             tokenizer);
}

// The optimizer slots of the source's training checkpoint, of those tensors that conversion left as
// they were, bit for bit. Merged tensors start with fresh slots and their own step count.
absl::StatusOr<StateDict> KeptSlots(const StageContext& context, const UptrainStage& stage,
                                    const StateDict& weights) {
  if (stage.optimizer_state != "keep") return StateDict{};
  REGROUP_ASSIGN_OR_RETURN(const std::string trained, TrainedSourceOf(*context.recipe, stage.from));
  REGROUP_ASSIGN_OR_RETURN(const std::string folder, context.ModelFolder(trained));
  REGROUP_ASSIGN_OR_RETURN(const RunCheckpoint checkpoint, LoadRunCheckpoint(folder));
  StateDict kept;
  for (const auto& [key, slot] : checkpoint.optimizer) {
    const std::string parameter = key.substr(key.find('/') + 1);
    const auto before = checkpoint.weights.find(parameter);
    const auto now = weights.find(parameter);
    if (before != checkpoint.weights.end() && now != weights.end() &&
        at::equal(before->second, now->second)) {
      kept[key] = slot;
    }
  }
  return kept;
}

// [{"alpha", "step", "loss"}]: what the recovery table shows.
Json Recovery(const UptrainStage& stage, const ResolvedUptrain& resolved, const Json& validations) {
  Json list = Json::array();
  for (size_t i = 0; i < stage.evaluate_at.size(); ++i) {
    const std::string step = absl::StrCat(resolved.evaluate_at[i]);
    const Json loss =
        validations.contains(step) ? validations[step].value(kHeldOutLoss, Json()) : Json();
    list.push_back(
        {{"alpha", stage.evaluate_at[i]}, {"step", resolved.evaluate_at[i]}, {"loss", loss}});
  }
  return list;
}

}  // namespace

absl::StatusOr<TrainingInputs> UptrainInputs(const StageContext& context) {
  const auto& stage = context.stage->As<UptrainStage>();
  REGROUP_ASSIGN_OR_RETURN(const ResolvedUptrain resolved,
                           ResolveUptrain(*context.recipe, *context.stage));
  REGROUP_ASSIGN_OR_RETURN(HfModel source, context.LoadModel(stage.from));
  TrainingInputs inputs;
  REGROUP_ASSIGN_OR_RETURN(inputs.tokenizer, context.TokenizerOf(source));
  REGROUP_ASSIGN_OR_RETURN(SourceStream data,
                           OpenData(context, source, resolved.after, inputs.tokenizer));
  inputs.stream = std::move(data.stream);
  inputs.start.data_position = data.position;
  inputs.start.data_hint = std::move(data.hint);
  REGROUP_ASSIGN_OR_RETURN(inputs.validator, StageValidator(context, resolved.after,
                                                            resolved.validate, inputs.tokenizer));

  inputs.config = CommonTrainConfig(context, stage);
  inputs.config.steps = resolved.steps;
  inputs.config.batch = resolved.after.batch;
  inputs.config.optimizer = resolved.optimizer;
  inputs.config.z_loss = resolved.after.z_loss;
  inputs.config.dropout_rate = resolved.after.dropout_rate;
  inputs.config.validate_at = resolved.evaluate_at;
  if (stage.validate.has_value()) inputs.config.validate_every = stage.validate->every;

  REGROUP_ASSIGN_OR_RETURN(inputs.start.optimizer, KeptSlots(context, stage, source.weights));
  inputs.start.config = source.config;
  inputs.start.weights = std::move(source.weights);
  inputs.start.generation_config = std::move(source.generation_config);
  inputs.start.provenance = source.provenance.is_object() ? source.provenance : Json::object();
  inputs.start.provenance.update(Json{{"recipe", context.recipe->head.name},
                                      {"stage", context.name()},
                                      {"kind", "uptrain"},
                                      {"alpha", stage.alpha},
                                      {"pretraining", ConfigToJson(resolved.after)}});
  return inputs;
}

absl::StatusOr<Json> RunUptrain(const StageContext& context) {
  const auto& stage = context.stage->As<UptrainStage>();
  REGROUP_ASSIGN_OR_RETURN(const ResolvedUptrain resolved,
                           ResolveUptrain(*context.recipe, *context.stage));
  REGROUP_ASSIGN_OR_RETURN(TrainingInputs inputs, UptrainInputs(context));
  REGROUP_ASSIGN_OR_RETURN(Json result, Train(context, std::move(inputs)));
  result["recovery"] = Recovery(stage, resolved, result["validations"]);
  return result;
}

}  // namespace regroup
