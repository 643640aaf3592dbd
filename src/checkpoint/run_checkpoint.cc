// Training checkpoints: a Hugging Face folder, optimizer.safetensors, progress.json and the
// manifest.
#include "checkpoint/run_checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/folder_target.h"
#include "checkpoint/manifest.h"
#include "checkpoint/tensor_file.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace fs = std::filesystem;
namespace {

constexpr char kPrefix[] = "step-";

std::optional<int64_t> StepOf(const std::string& name) {
  int64_t step = 0;
  const bool number =
      name.starts_with(kPrefix) && absl::SimpleAtoi(name.substr(sizeof(kPrefix) - 1), &step);
  return number && step >= 0 && CheckpointName(step) == name ? std::optional<int64_t>(step)
                                                             : std::nullopt;
}

absl::Status FillCheckpoint(const std::string& folder, const RunCheckpoint& checkpoint,
                            const Tokenizer* tokenizer) {
  HfSave save;
  save.config = &checkpoint.config;
  save.weights = &checkpoint.weights;
  save.tokenizer = tokenizer;
  save.provenance = checkpoint.provenance;
  save.generation_config = checkpoint.generation_config;
  REGROUP_RETURN_IF_ERROR(WriteHfFolder(folder, save));
  REGROUP_RETURN_IF_ERROR(WriteTensorFile(JoinPath(folder, kOptimizerFile), checkpoint.optimizer));
  const Json progress = {{"step", checkpoint.step}, {"progress", checkpoint.progress}};
  REGROUP_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(folder, "progress.json"), DumpJsonPretty(progress)));
  return WriteManifest(folder);
}

absl::Status ReadProgress(const std::string& path, RunCheckpoint& checkpoint) {
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadConfigFile(path));
  if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer() ||
      !json.contains("progress")) {
    return UserError(path, "expected {\"step\", \"progress\"}");
  }
  checkpoint.step = json["step"].get<int64_t>();
  checkpoint.progress = json["progress"];
  return absl::OkStatus();
}

// Renames first, so that a kill while deleting never leaves half a checkpoint under a good name.
absl::Status DeleteCheckpoint(const std::string& folder) {
  const bool aside = BaseName(folder).find(kAsideMark) != std::string::npos;
  const std::string doomed = aside ? folder : absl::StrCat(folder, kAsideMark);
  std::error_code error;
  if (!aside) {
    fs::remove_all(doomed, error);
    fs::rename(folder, doomed, error);
    if (error)
      return RunError(folder, absl::StrCat("cannot move aside for deletion: ", error.message()));
  }
  fs::remove_all(doomed, error);
  return error ? RunError(doomed, absl::StrCat("cannot delete: ", error.message()))
               : absl::OkStatus();
}

}  // namespace

std::string CheckpointName(int64_t step) { return absl::StrFormat("%s%08d", kPrefix, step); }

absl::Status SaveRunCheckpoint(const std::string& run_folder, const RunCheckpoint& checkpoint,
                               const Tokenizer* tokenizer) {
  return ReplaceFolder(
      JoinPath(run_folder, CheckpointName(checkpoint.step)),
      [&](const std::string& aside) { return FillCheckpoint(aside, checkpoint, tokenizer); });
}

absl::StatusOr<RunCheckpoint> LoadRunCheckpoint(const std::string& checkpoint_folder) {
  if (!FileExists(JoinPath(checkpoint_folder, kManifestName))) {
    return UserError(checkpoint_folder,
                     absl::StrCat("is not a training checkpoint: no ", kManifestName));
  }
  REGROUP_ASSIGN_OR_RETURN(HfModel model, LoadHfFolder(checkpoint_folder));
  RunCheckpoint checkpoint;
  checkpoint.config = std::move(model.config);
  checkpoint.weights = std::move(model.weights);
  checkpoint.provenance = std::move(model.provenance);
  checkpoint.generation_config = std::move(model.generation_config);
  REGROUP_ASSIGN_OR_RETURN(checkpoint.optimizer,
                           ReadTensorFile(JoinPath(checkpoint_folder, kOptimizerFile)));
  REGROUP_RETURN_IF_ERROR(ReadProgress(JoinPath(checkpoint_folder, "progress.json"), checkpoint));
  return checkpoint;
}

std::vector<int64_t> ListCheckpoints(const std::string& run_folder) {
  std::vector<int64_t> steps;
  const auto names = ListFolder(run_folder);
  if (!names.ok()) return steps;
  for (const std::string& name : *names) {
    const std::optional<int64_t> step = StepOf(name);
    if (step.has_value() && FolderExists(JoinPath(run_folder, name))) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string SetAsideCheckpoint(const std::string& folder) {
  std::error_code error;
  std::string aside;
  int number = 0;
  do {
    aside = absl::StrCat(folder, ".damaged-", ++number);
  } while (fs::exists(aside, error));
  fs::rename(folder, aside, error);
  return BaseName(error ? folder : aside);
}

absl::StatusOr<std::optional<RunCheckpoint>> LoadNewestGood(const std::string& run_folder) {
  const std::vector<int64_t> steps = ListCheckpoints(run_folder);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const std::string folder = JoinPath(run_folder, CheckpointName(*step));
    auto checkpoint = LoadRunCheckpoint(folder);
    if (checkpoint.ok()) return std::optional<RunCheckpoint>(*std::move(checkpoint));
    const bool older = std::next(step) != steps.rend();
    LogWarning(absl::StrCat("the checkpoint ", folder, " is damaged (",
                            std::string(checkpoint.status().message()), ") and set aside as ",
                            SetAsideCheckpoint(folder), "; ",
                            older ? "the one before is tried" : "there is none before it"));
  }
  return std::optional<RunCheckpoint>();
}

absl::Status ApplyRetention(const std::string& run_folder, const Retention& retention) {
  const std::vector<int64_t> steps = ListCheckpoints(run_folder);
  std::set<int64_t> kept(steps.end() - std::min<int64_t>(retention.keep_last, std::ssize(steps)),
                         steps.end());
  for (const int64_t step : steps) {
    if (retention.keep_every > 0 && step % retention.keep_every == 0) kept.insert(step);
    if (retention.best.contains(step)) kept.insert(step);
  }
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(run_folder));
  for (const std::string& name : names) {
    const std::optional<int64_t> step = StepOf(name);
    const bool leftover = name.starts_with(kPrefix) && name.find(kAsideMark) != std::string::npos;
    if (leftover || (step.has_value() && !kept.contains(*step))) {
      REGROUP_RETURN_IF_ERROR(DeleteCheckpoint(JoinPath(run_folder, name)));
    }
  }
  return absl::OkStatus();
}

}  // namespace regroup
