// Reads records, manifests and ledgers without the run's lock.
#include "pipeline/inspect_run.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "checkpoint/manifest.h"
#include "checkpoint/run_checkpoint.h"
#include "core/files.h"
#include "core/log.h"
#include "pipeline/context.h"
#include "pipeline/identity.h"
#include "pipeline/lineage.h"
#include "recipe/recipe.h"
#include "report/json_fields.h"
#include "report/run_record.h"
#include "report/table.h"
#include "train/ledger.h"
#include "train/train_progress.h"

namespace regroup {
namespace {

namespace fs = std::filesystem;

int64_t DiskBytes(const std::string& folder) {
  int64_t bytes = 0;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;  // a file that a run has just deleted
    const auto size = entry->is_regular_file(ignored) ? entry->file_size(ignored) : 0;
    if (!ignored) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

// The newest checkpoint whose manifest is right, and those after it that are not.
void DescribeCheckpoints(const std::string& folder, Json& stage) {
  std::vector<int64_t> steps = ListCheckpoints(folder);
  std::reverse(steps.begin(), steps.end());
  for (const int64_t step : steps) {
    const std::string name = CheckpointName(step);
    const absl::Status status = VerifyManifest(JoinPath(folder, name));
    if (status.ok()) {
      stage["checkpoint"] = name;
      stage["step"] = step;
      return;
    }
    stage["damaged"].push_back({{"checkpoint", name}, {"message", std::string(status.message())}});
  }
}

// What is best so far in a stage that has not finished, by every validation of its newest good
// checkpoint.
Json BestSoFar(const std::string& folder, const Json& checkpoint) {
  if (!checkpoint.is_string()) return nullptr;
  const std::string path =
      JoinPath(JoinPath(folder, checkpoint.get<std::string>()), "progress.json");
  const absl::StatusOr<Json> json = ReadConfigFile(path);
  if (!json.ok()) return nullptr;
  const absl::StatusOr<TrainProgress> progress = ProgressFromJson(FieldOf(*json, "progress"), path);
  if (!progress.ok() || progress->validations.empty()) return nullptr;
  Json best = Json::object();
  for (const auto& [name, value] : progress->validations.rbegin()->second) {
    const std::optional<int64_t> step = BestStep(progress->validations, name);
    if (step.has_value())
      best[name] = {{"step", *step}, {"value", progress->validations.at(*step).at(name)}};
  }
  return best;
}

absl::Status DescribeLedger(const std::string& folder, Json& stage) {
  stage["ledger"] = Json::array();
  REGROUP_ASSIGN_OR_RETURN(const std::vector<LedgerEntry> entries, ReadLedger(folder));
  for (const LedgerEntry& entry : entries)
    stage["ledger"].push_back(
        {{"action", entry.action}, {"step", entry.step}, {"reason", entry.reason}});
  return absl::OkStatus();
}

std::string StateWord(StageState state) {
  return state == StageState::kDone ? "finished" : StateName(state);
}

// Why a stage failed, or null.
Json ErrorOf(const std::string& folder, StageState state) {
  if (state != StageState::kFailed) return nullptr;
  return FieldOf(ReadConfigFile(JoinPath(folder, kFailedFile)).value_or(Json()), "error");
}

Json EmptyStage(const std::string& name, const Json& kind) {
  return {{"name", name},
          {"kind", kind},
          {"state", "waiting"},
          {"error", nullptr},
          {"seconds", nullptr},
          {"step", nullptr},
          {"steps", nullptr},
          {"checkpoint", nullptr},
          {"damaged", Json::array()},
          {"model", nullptr},
          {"best", nullptr},
          {"stopped_early", nullptr},
          {"ledger", Json::array()},
          {"disk_bytes", 0}};
}

absl::StatusOr<Json> InspectStage(const std::string& folder, const std::string& name) {
  const StageState state = StateOfFolder(folder);
  const bool finished = state == StageState::kDone;
  const std::string path = JoinPath(folder, finished ? kFinishedFile : kStartedFile);
  REGROUP_ASSIGN_OR_RETURN(const Json record, ReadConfigFile(path));
  const Json kind = FieldOf(record, "kind");
  if (!kind.is_string())
    return UserError(path, "is no record of a stage; expected an object with its \"kind\"");
  const Json result = FieldOf(record, "result"), model = FieldOf(result, "model");
  Json stage = EmptyStage(name, kind);
  stage["state"] = StateWord(state);
  stage["error"] = ErrorOf(folder, state);
  stage["seconds"] = FieldOf(record, "seconds");
  stage["steps"] =
      finished ? FieldOf(result, "steps") : FieldOf(FieldOf(record, "config"), "steps");
  DescribeCheckpoints(folder, stage);
  stage["model"] = model.is_string() ? Json(JoinPath(folder, model.get<std::string>())) : Json();
  const Json best = FieldOf(result, "best");
  stage["best"] = best.is_object() && !best.empty() ? best : BestSoFar(folder, stage["checkpoint"]);
  stage["stopped_early"] = FieldOf(result, "stopped_early");
  REGROUP_RETURN_IF_ERROR(DescribeLedger(folder, stage));
  stage["disk_bytes"] = DiskBytes(folder);
  return stage;
}

// Steps that the recipe gives a training stage, or null.
Json PlannedSteps(const Recipe& recipe, const Stage& stage) {
  if (stage.kind == "pretrain") return stage.As<PretrainStage>().steps;
  if (stage.kind == "finetune") return stage.As<FinetuneStage>().steps;
  if (stage.kind != "uptrain") return nullptr;
  const absl::StatusOr<ResolvedUptrain> resolved = ResolveUptrain(recipe, stage);
  return resolved.ok() ? Json(resolved->steps) : Json();
}

// Stages in the recipe's order; where the recipe cannot be read any more, those that have a folder.
std::vector<Json> PlannedStages(const std::string& path) {
  std::vector<Json> stages;
  const LoadedRecipe loaded = LoadRecipe(JoinPath(path, "recipe.yaml"), {});
  if (!loaded.problems.empty()) return stages;
  if (TrainsTokenizer(loaded.recipe)) stages.push_back(EmptyStage(kTokenizerStage, "tokenizer"));
  for (const Stage& stage : loaded.recipe.stages) {
    stages.push_back(EmptyStage(stage.name, stage.kind));
    stages.back()["steps"] = PlannedSteps(loaded.recipe, stage);
  }
  return stages;
}

std::string Count(const Json& number) { return FormatCount(number.get<int64_t>()); }

std::string StateText(const Json& stage) {
  std::string state = stage["state"].get<std::string>();
  if (state == "waiting") return state;
  if (state == "finished") {
    if (stage["stopped_early"] == true)
      return absl::StrCat("done, early at ", Count(stage["steps"]));
    return "done";
  }
  if (stage["step"].is_number_integer()) absl::StrAppend(&state, " at step ", Count(stage["step"]));
  if (stage["steps"].is_number_integer()) absl::StrAppend(&state, " of ", Count(stage["steps"]));
  const Json& ledger = stage["ledger"];
  if (stage["state"] != "running" && !ledger.empty() && ledger.back()["action"] == "stopped")
    absl::StrAppend(&state, ", by the guard");
  return state;
}

// "rouge1 13.2 at 150"
std::string BestText(const Json& best) {
  if (!best.is_object() || best.empty()) return "-";
  std::vector<std::string> parts;
  for (const auto& [name, found] : best.items()) {
    const Json value = FieldOf(found, "value"), step = FieldOf(found, "step");
    if (value.is_number() && step.is_number_integer() && parts.size() < 2)
      parts.push_back(absl::StrFormat("%s %.4g at %s", name, value.get<double>(), Count(step)));
  }
  return parts.empty() ? "-" : absl::StrJoin(parts, ", ");
}

std::string TextOr(const Json& value, const std::string& other) {
  return value.is_string() ? value.get<std::string>() : other;
}

std::string Trouble(const Json& stage) {
  std::string text;
  const std::string name = stage["name"].get<std::string>();
  if (stage["error"].is_string())
    absl::StrAppend(&text, "failed: ", name, ": ", stage["error"].get<std::string>(), "\n");
  for (const Json& damaged : stage["damaged"])
    absl::StrAppend(&text, "damaged: ", damaged["message"].get<std::string>(), "\n");
  for (const Json& entry : stage["ledger"])
    absl::StrAppend(&text, "ledger: ", name, " ", entry["action"].get<std::string>(), " at step ",
                    Count(entry["step"]), ": ", entry["reason"].get<std::string>(), "\n");
  return text;
}

}  // namespace

bool IsRunFolder(const std::string& path) { return FileExists(JoinPath(path, "recipe.yaml")); }

absl::StatusOr<Json> InspectRun(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const RunRecord run, ReadRun(path));
  Json json = {{"path", path},
               {"kind", "run"},
               {"recipe", JoinPath(path, "recipe.yaml")},
               {"process", run.process.has_value() ? Json(absl::StrCat(*run.process)) : Json()},
               {"disk_bytes", DiskBytes(path)}};
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(path));
  std::map<std::string, Json> found;
  for (const std::string& name : names) {
    const std::string folder = JoinPath(path, name);
    if (!IsStageFolder(folder)) continue;
    REGROUP_ASSIGN_OR_RETURN(found[name], InspectStage(folder, name));
  }
  json["stages"] = Json::array();
  for (Json& planned : PlannedStages(path)) {
    const auto stage = found.find(planned["name"].get<std::string>());
    if (stage != found.end()) {
      if (stage->second["steps"].is_null()) stage->second["steps"] = planned["steps"];
      planned = std::move(stage->second);
      found.erase(stage);
    }
    json["stages"].push_back(std::move(planned));
  }
  for (auto& [name, stage] : found) json["stages"].push_back(std::move(stage));
  for (Json& stage : json["stages"]) {
    const StageRecord* record = run.Find(stage["name"].get<std::string>());
    if (record == nullptr || record->state != StageState::kRunning) continue;
    stage["state"] = StateWord(record->state);
    stage["error"] = nullptr;
  }
  return json;
}

absl::StatusOr<Json> InspectStageFolder(const std::string& path) {
  Json json = {{"path", path}};
  REGROUP_ASSIGN_OR_RETURN(Json stage, InspectStage(path, BaseName(path)));
  stage["stage_kind"] = std::move(stage["kind"]);
  json.update(stage);
  json["kind"] = "stage";
  REGROUP_ASSIGN_OR_RETURN(json["files"], ListFolder(path));
  return json;
}

std::string RunText(const Json& found) {
  TextTable table{{"stage", "kind", "state", "time", "newest good", "best", "disk"}, {}};
  std::string trouble;
  for (const Json& stage : found["stages"]) {
    const Json& seconds = stage["seconds"];
    const auto disk = stage["disk_bytes"].get<double>();
    table.rows.push_back({stage["name"].get<std::string>(), stage["kind"].get<std::string>(),
                          StateText(stage),
                          seconds.is_number() ? FormatDuration(seconds.get<double>()) : "-",
                          TextOr(stage["checkpoint"], "-"), BestText(stage["best"]),
                          disk > 0 ? FormatBytes(disk) : "-"});
    trouble += Trouble(stage);
  }
  const Json& process = found["process"];
  return absl::StrCat(
      FormatTable(table), trouble, FormatBytes(found["disk_bytes"].get<double>()), " on disk; ",
      process.is_null() ? "nobody works in it"
                        : absl::StrCat("the process ", process.get<std::string>(), " works in it"),
      "\n");
}

std::string StageText(const Json& found) {
  const Json& seconds = found["seconds"];
  std::string text = absl::StrCat(
      "stage ", found["name"].get<std::string>(), " (", found["stage_kind"].get<std::string>(),
      "): ", StateText(found),
      seconds.is_number() ? absl::StrCat(" in ", FormatDuration(seconds.get<double>())) : "", "\n");
  if (found["model"].is_string())
    absl::StrAppend(&text, "model: ", found["model"].get<std::string>(), "\n");
  if (found["checkpoint"].is_string())
    absl::StrAppend(&text, "newest good checkpoint: ", found["checkpoint"].get<std::string>(),
                    "\n");
  if (found["best"].is_object()) absl::StrAppend(&text, "best: ", BestText(found["best"]), "\n");
  text += Trouble(found);
  absl::StrAppend(&text, FormatBytes(found["disk_bytes"].get<double>()), " on disk\n");
  for (const Json& file : found["files"])
    absl::StrAppend(&text, "  ", file.get<std::string>(), "\n");
  return text;
}

}  // namespace regroup
