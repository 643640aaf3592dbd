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

absl::StatusOr<std::optional<Teacher>> TeacherOf(const StageContext& context,
                                                 const HfModel& student,
                                                 const Tokenizer& tokenizer) {
  const auto& how = context.stage->As<UptrainStage>().distillation;
  if (!how.has_value()) return std::nullopt;
  const std::string place = absl::StrCat(context.stage->Place(), ".uptrain.distillation");
  REGROUP_ASSIGN_OR_RETURN(HfModel teacher, context.LoadModel(how->teacher));
  if (teacher.config.vocab_size != student.config.vocab_size) {
    return UserError(place, absl::StrCat("the teacher ", how->teacher, " has ",
                                         teacher.config.vocab_size, " tokens, the student ",
                                         student.config.vocab_size, "; expected one vocabulary"));
  }
  REGROUP_ASSIGN_OR_RETURN(const auto teachers, context.TokenizerOf(teacher));
  if (teachers->Fingerprint() != tokenizer.Fingerprint()) {
    return UserError(place, absl::StrCat("the teacher ", how->teacher,
                                         " has another vocabulary than the student: the same ids "
                                         "are other pieces of text; name a teacher with the "
                                         "student's own"));
  }
  if (how->attention > 0 && teacher.config.d_model != student.config.d_model) {
    return UserError(place, absl::StrCat("attention compares outputs of the width ",
                                         teacher.config.d_model, " (the teacher's d_model) with ",
                                         student.config.d_model, "; leave it at 0"));
  }
  return Teacher{teacher.config, std::move(teacher.weights), *how};
}

// True if `grouped` [g*e, d] is the mean of the heads [n*e, d] of each of its groups, but for
// rounding.
bool IsMeanOf(const at::Tensor& grouped, const at::Tensor& heads, int64_t head_width) {
  const int64_t groups = grouped.size(0) / head_width;
  const at::Tensor mean = heads.to(at::kDouble)
                              .view({groups, -1, head_width, heads.size(1)})
                              .mean(1)
                              .view(grouped.sizes());
  return at::allclose(grouped.to(at::kDouble), mean, 5e-3, 1e-4 * mean.abs().max().item<double>());
}

// The heads of the model that `learned_merge` names, of those parameters whose heads the source has
// merged.
absl::StatusOr<StateDict> MergedHeads(const StageContext& context, const HfModel& source) {
  const std::string& from = context.stage->As<UptrainStage>().learned_merge;
  if (from.empty()) return StateDict{};
  const std::string place = absl::StrCat(context.stage->Place(), ".uptrain.learned_merge");
  REGROUP_ASSIGN_OR_RETURN(const HfModel before, context.LoadModel(from));
  StateDict heads;
  for (const std::string& name : GroupedAttentionNames(source.config)) {
    const at::Tensor& now = source.weights.at(name);
    const auto then = before.weights.find(name);
    const bool same_place = then != before.weights.end() && then->second.size(1) == now.size(1) &&
                            then->second.size(0) % now.size(0) == 0;
    if (!same_place)
      return UserError(place, absl::StrCat(from, " has no heads that ", name, " can be made of"));
    if (then->second.size(0) == now.size(0)) continue;
    if (!IsMeanOf(now, then->second, source.config.d_kv))
      return UserError(
          place, absl::StrCat("the source's ", name, " is not the mean of the heads of ", from,
                              "; convert that model by method: mean"));
    heads[name] = then->second;
  }
  if (heads.empty())
    return UserError(place, absl::StrCat(from,
                                         " has as many K/V heads as the source: there is no "
                                         "merge whose weights could be learned"));
  return heads;
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
  REGROUP_ASSIGN_OR_RETURN(inputs.start.teacher, TeacherOf(context, source, *inputs.tokenizer));
  REGROUP_ASSIGN_OR_RETURN(inputs.start.merged_heads, MergedHeads(context, source));
  if (stage.train == "grouped") {
    inputs.start.trained = GroupedAttentionNames(source.config);
    if (inputs.start.trained.empty())
      return UserError(absl::StrCat(context.stage->Place(), ".uptrain.train"),
                       "grouped trains attentions with fewer K/V heads than query heads, and the "
                       "source has none");
  }
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
