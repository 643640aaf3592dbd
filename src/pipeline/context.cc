// Finds models and vocabularies for stages.
#include "pipeline/context.h"

#include "absl/strings/str_cat.h"
#include "checkpoint/manifest.h"
#include "checkpoint/run_checkpoint.h"
#include "core/files.h"

namespace regroup {

absl::StatusOr<Json> StageContext::ResultOf(const std::string& stage_name) const {
  REGROUP_ASSIGN_OR_RETURN(std::optional<Json> result, run->Result(stage_name));
  if (!result.has_value()) {
    return UserError(
        run->StageFolder(stage_name),
        absl::StrCat("the stage ", stage_name,
                     " has not finished; run it first (without --only all stages run)"));
  }
  return *std::move(result);
}

absl::StatusOr<std::string> StageContext::ModelFolder(const std::string& from) const {
  if (IsFolderReference(from)) return from;
  const StageReference reference = ParseStageReference(from);
  REGROUP_ASSIGN_OR_RETURN(const Json result, ResultOf(reference.stage));
  REGROUP_CHECK(result.contains("model"), from);
  const std::string folder = run->StageFolder(reference.stage);
  if (!reference.step.has_value()) return JoinPath(folder, result["model"].get<std::string>());
  const std::string kept = JoinPath(folder, CheckpointName(*reference.step));
  if (FolderExists(kept)) return kept;
  return UserError(kept, absl::StrCat("is missing, though ", from,
                                      " is asked for; run the stage again "
                                      "with --redo ",
                                      reference.stage));
}

absl::StatusOr<std::string> StageContext::CalibrationFolder(const std::string& calibration) const {
  if (calibration.empty() || IsFolderReference(calibration)) return calibration;
  REGROUP_ASSIGN_OR_RETURN(const Json result, ResultOf(calibration));
  return JoinPath(run->StageFolder(calibration), result["calibration"].get<std::string>());
}

absl::StatusOr<HfModel> StageContext::LoadModel(const std::string& from) const {
  REGROUP_ASSIGN_OR_RETURN(const std::string model_folder, ModelFolder(from));
  return LoadHfFolder(model_folder);
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> StageContext::RecipeTokenizer() const {
  const TokenizerConfig& config = recipe->head.tokenizer;
  if (!config.path.empty()) return Tokenizer::Load(config.path);
  if (!config.train.has_value()) {
    return UserError(
        recipe->file,
        "no vocabulary: the model's folder has none; give tokenizer.path or tokenizer.train");
  }
  REGROUP_ASSIGN_OR_RETURN(const Json result, ResultOf(kTokenizerStage));
  const std::string model =
      JoinPath(run->StageFolder(kTokenizerStage), result["model"].get<std::string>());
  REGROUP_RETURN_IF_ERROR(VerifyManifest(model));
  return Tokenizer::Load(model);
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> StageContext::TokenizerOf(
    const HfModel& model) const {
  return HasTokenizer(model.folder) ? Tokenizer::Load(model.folder) : RecipeTokenizer();
}

TaskConfig ToTaskConfig(const TaskFile& file) {
  TaskConfig task;
  task.text = TextTaskConfig{file.name,    file.input,  file.target, file.reader,
                             file.lengths, file.fields, file.window, file.evidence};
  task.metrics = file.metrics;
  task.metric_options.tokenize = file.metric_options.tokenize;
  task.metric_options.lowercase = file.metric_options.lowercase;
  task.metric_options.stemmer = file.metric_options.stemmer;
  task.metric_options.sentence_split_dot = file.metric_options.sentence_split_dot;
  task.metric_options.bootstrap = static_cast<int>(file.metric_options.bootstrap);
  task.decode = file.decode;
  if (!task.decode.max_length.has_value()) task.decode.max_length = file.lengths.target;
  return task;
}

}  // namespace regroup
