// Progress as JSON, and the choice of the checkpoint that a stage goes on from.
#include "train/train_progress.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "checkpoint/manifest.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace {

constexpr int kFormat = 2;

Json ValidationsToJson(const Validations& validations) {
  Json json = Json::object();
  for (const auto& [step, values] : validations) json[absl::StrCat(step)] = values;
  return json;
}

// JSON has no number for what is not finite: it was written as null.
Validations ValidationsFromJson(const Json& json) {
  Validations validations;
  for (const auto& [step, values] : json.items()) {
    for (const auto& [name, value] : values.items()) {
      validations[std::stoll(step)][name] =
          value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    }
  }
  return validations;
}

// The best checkpoints besides the newest one itself.
absl::Status VerifyBest(const std::string& run_folder, int64_t newest,
                        const std::vector<int64_t>& best_steps) {
  for (const int64_t best : best_steps) {
    if (best == newest) continue;
    REGROUP_RETURN_IF_ERROR(VerifyManifest(JoinPath(run_folder, CheckpointName(best))));
  }
  return absl::OkStatus();
}

}  // namespace

Json ProgressToJson(const TrainProgress& progress) {
  return Json{{"format", kFormat},
              {"source_tokens", progress.source_tokens},
              {"target_tokens", progress.target_tokens},
              {"data_position", progress.data_position},
              {"data_hint", progress.data_hint},
              {"validations", ValidationsToJson(progress.validations)},
              {"window", progress.window.ToJson()},
              {"guard", progress.guard}};
}

absl::StatusOr<TrainProgress> ProgressFromJson(const Json& json, const std::string& place) {
  if (!json.is_object() || json.value("format", Json()) != Json(kFormat)) {
    return UserError(place,
                     "was written by another version of regroup, whose training state this "
                     "one cannot go on with; its weights can be used as a model folder");
  }
  TrainProgress progress;
  progress.source_tokens = json.at("source_tokens");
  progress.target_tokens = json.at("target_tokens");
  progress.data_position = json.at("data_position");
  progress.data_hint = json.at("data_hint");
  progress.validations = ValidationsFromJson(json.at("validations"));
  progress.window = Window::FromJson(json.at("window"));
  progress.guard = json.at("guard");
  return progress;
}

std::vector<int64_t> BestSteps(const Validations& validations,
                               const std::vector<std::string>& names) {
  std::vector<int64_t> steps;
  for (const std::string& name : names) {
    const std::optional<int64_t> step = BestStep(validations, name);
    if (step.has_value() && std::ranges::find(steps, *step) == steps.end()) steps.push_back(*step);
  }
  return steps;
}

absl::StatusOr<std::optional<RunCheckpoint>> LoadUsable(const std::string& run_folder,
                                                        const std::vector<std::string>& keep_best) {
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(std::optional<RunCheckpoint> checkpoint, LoadNewestGood(run_folder));
    if (!checkpoint.has_value()) return checkpoint;
    const std::string folder = JoinPath(run_folder, CheckpointName(checkpoint->step));
    REGROUP_ASSIGN_OR_RETURN(const TrainProgress progress,
                             ProgressFromJson(checkpoint->progress, folder));
    const absl::Status best =
        VerifyBest(run_folder, checkpoint->step, BestSteps(progress.validations, keep_best));
    if (best.ok()) return checkpoint;
    LogWarning(absl::StrCat("the best checkpoint so far cannot be used (",
                            std::string(best.message()), "); ", CheckpointName(checkpoint->step),
                            " is set aside with it as ", SetAsideCheckpoint(folder)));
  }
}

}  // namespace regroup
