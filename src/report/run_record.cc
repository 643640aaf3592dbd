// Reads run folders. The names of their files are those of pipeline/run_folder.cc and
// run_recipe.cc.
#include "report/run_record.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/files.h"
#include "core/log.h"
#include "recipe/yaml_tree.h"
#include "report/json_fields.h"
#include "report/printable.h"

namespace regroup {
namespace {

constexpr char kRecipe[] = "recipe.yaml";
constexpr char kTokenizer[] = "tokenizer";  // the stage of a vocabulary that the recipe trains

std::vector<std::string> StageFolders(const std::string& path) {
  std::vector<std::string> names = ListFolder(path).value_or(std::vector<std::string>{});
  std::erase_if(names,
                [&](const std::string& name) { return !IsStageFolder(JoinPath(path, name)); });
  return names;
}

absl::Status CheckIsRun(const std::string& path) {
  if (FileExists(path))
    return UserError(path, "is a file; expected the folder of a run, such as runs/quickstart");
  if (!FolderExists(path)) return UserError(path, "there is no such folder");
  if (FileExists(JoinPath(path, kRecipe)) || !StageFolders(path).empty()) return absl::OkStatus();
  if (IsStageFolder(path)) {
    const std::string whole = std::filesystem::absolute(path).lexically_normal().string();
    return UserError(
        path, absl::StrCat("is one stage of a run; give the run's folder, ", ParentFolder(whole)));
  }
  return UserError(path,
                   "is no run: it holds neither recipe.yaml nor the folder of a stage; give a "
                   "folder that `regroup run` wrote");
}

// What is wrong with the file, without its path, which the note names.
std::string Why(const absl::Status& status, const std::string& path) {
  return OneLine(absl::StrCat(absl::StripPrefix(status.message(), path + ": ")));
}

void AddStage(RunRecord& run, const std::string& name, const std::string& kind) {
  StageRecord& stage = run.stages.emplace_back();
  stage.name = name;
  stage.kind = kind;
  stage.folder = JoinPath(run.path, name);
}

// The recipe's name and stages, as far as they can be read.
void ReadRecipe(RunRecord& run) {
  const std::string path = JoinPath(run.path, kRecipe);
  if (!FileExists(path)) {
    run.notes.push_back({kRecipe, "is missing: stages that have not begun are not known"});
    return;
  }
  Problems problems;
  const Node tree = ReadYamlFile(path, problems);
  if (!problems.empty()) {
    run.notes.push_back({kRecipe, absl::StrCat("cannot be read as a whole (",
                                               OneLine(problems.list()[0].message), ")")});
  }
  if (const Node* name = tree.Find("name"); name != nullptr && name->IsScalar())
    run.name = name->text;
  const Node* tokenizer = tree.Find(kTokenizer);
  if (tokenizer != nullptr && tokenizer->Find("train") != nullptr)
    AddStage(run, kTokenizer, kTokenizer);
  const Node* stages = tree.Find("stages");
  for (size_t i = 0; stages != nullptr && i < stages->keys.size(); ++i) {
    const Node& stage = stages->items[i];
    const bool one_kind = stage.keys.size() == 1;
    AddStage(run, stages->keys[i], one_kind ? stage.keys[0] : "");
    if (one_kind) run.stages.back().config = NodeToJson(stage.items[0]);
  }
}

// Folders of stages that the recipe does not name: all of them where it cannot be read.
void AddOtherFolders(RunRecord& run) {
  const bool known = !run.stages.empty();
  std::vector<std::string> left_out;
  for (const std::string& name : StageFolders(run.path)) {
    if (run.Find(name) != nullptr) continue;
    const bool aside = name.find(".old-") != std::string::npos;
    if (!known && !aside) {
      AddStage(run, name, "");
    } else {
      left_out.push_back(name);
    }
  }
  if (!left_out.empty()) {
    run.notes.push_back(
        {absl::StrJoin(left_out, ", "),
         "left out: folders that were moved aside, or of stages that the recipe does not have"});
  }
}

// What began and has not finished: the run's process works on one of them at a time.
void ReadStage(RunRecord& run, StageRecord& stage) {
  const std::string finished = JoinPath(stage.folder, kFinishedFile);
  const std::string started = JoinPath(stage.folder, kStartedFile);
  stage.state = StateOfFolder(stage.folder);
  if (stage.state == StageState::kWaiting) return;
  const bool done = stage.state == StageState::kDone;
  if (stage.state == StageState::kFailed)
    stage.error =
        TextOf(ReadConfigFile(JoinPath(stage.folder, kFailedFile)).value_or(Json()), "error");
  absl::StatusOr<Json> record = ReadConfigFile(done ? finished : started);
  if (done && (!record.ok() || !FieldOf(*record, "result").is_object())) {
    run.notes.push_back(
        {absl::StrCat(stage.name, "/", kFinishedFile),
         absl::StrCat("the stage's result cannot be read (",
                      record.ok() ? "it holds no result" : Why(record.status(), finished), ")")});
    record = ReadConfigFile(started);
  } else if (!record.ok()) {
    run.notes.push_back(
        {absl::StrCat(stage.name, "/", kStartedFile), Why(record.status(), started)});
  }
  if (!record.ok()) return;
  if (std::string kind = TextOf(*record, "kind"); !kind.empty()) stage.kind = std::move(kind);
  if (const Json& config = FieldOf(*record, "config"); config.is_object()) {
    const Json asked = stage.config;  // by the recipe: the record leaves out where folders lie
    stage.config = config;
    for (const char* key : {"from", "learned_merge"}) {
      if (const Json& name = FieldOf(asked, key); !name.is_null()) stage.config[key] = name;
    }
    const Json& teacher = FieldOf(FieldOf(asked, "distillation"), "teacher");
    if (!teacher.is_null() && FieldOf(config, "distillation").is_object())
      stage.config["distillation"]["teacher"] = teacher;
  }
  stage.inputs = FieldOf(*record, "inputs");
  stage.result = FieldOf(*record, "result");
  if (const double seconds = NumberOf(*record, "seconds"); seconds >= 0) stage.seconds = seconds;
}

// The newest begun stage is the one that a living process works on.
void MarkRunning(RunRecord& run) {
  run.process = LockHolder(JoinPath(run.path, ".lock"));
  if (!run.process.has_value()) return;
  StageRecord* newest = nullptr;
  std::filesystem::file_time_type newest_time;
  for (StageRecord& stage : run.stages) {
    if (stage.state != StageState::kStopped && stage.state != StageState::kFailed) continue;
    std::error_code error;
    const auto time = std::filesystem::last_write_time(JoinPath(stage.folder, kStartedFile), error);
    if (newest != nullptr && time <= newest_time) continue;
    newest = &stage;
    newest_time = time;
  }
  if (newest != nullptr) newest->state = StageState::kRunning;
}

void ReadEnvironment(RunRecord& run) {
  const std::string path = JoinPath(run.path, "environment.json");
  const absl::StatusOr<Json> environment = ReadConfigFile(path);
  if (environment.ok() && environment->is_object()) {
    run.environment = *environment;
  } else {
    run.notes.push_back({"environment.json", "cannot be read: the machine is not known"});
  }
}

// "2026-01-31T10:00:00Z" at the beginning of a line, or "".
std::string TimeIn(const std::string& line) {
  const size_t space = line.find(' ');
  return space == 20 && line[10] == 'T' && line[19] == 'Z' ? line.substr(0, space) : "";
}

void ReadLog(RunRecord& run) {
  constexpr std::streamoff kTail = 1 << 16;
  std::ifstream file(JoinPath(run.path, "log.txt"), std::ios::binary);
  if (!file) {
    run.notes.push_back({"log.txt", "is missing: when the run began is not known"});
    return;
  }
  std::string line;
  if (std::getline(file, line)) run.begun = TimeIn(line);
  file.clear();
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kTail));
  if (size > kTail) std::getline(file, line);  // the rest of a line
  while (std::getline(file, line)) {
    if (std::string time = TimeIn(line); !time.empty()) run.last_sign = std::move(time);
    run.last_lines.push_back(OneLine(line));
    if (run.last_lines.size() > kLastLines) run.last_lines.erase(run.last_lines.begin());
  }
}

bool Trains(const std::string& kind) {
  return kind == "pretrain" || kind == "uptrain" || kind == "finetune";
}

}  // namespace

std::string StateName(StageState state) {
  switch (state) {
    case StageState::kWaiting:
      return "waiting";
    case StageState::kRunning:
      return "running";
    case StageState::kStopped:
      return "stopped";
    case StageState::kFailed:
      return "failed";
    case StageState::kDone:
      return "done";
  }
  return "";
}

const StageRecord* RunRecord::Find(const std::string& stage) const {
  const std::string wanted = stage.substr(0, stage.find('@'));
  const auto found = std::find_if(stages.begin(), stages.end(),
                                  [&](const StageRecord& one) { return one.name == wanted; });
  return found == stages.end() ? nullptr : &*found;
}

absl::StatusOr<RunRecord> ReadRun(const std::string& path) {
  REGROUP_RETURN_IF_ERROR(CheckIsRun(path));
  RunRecord run;
  run.path = path;
  run.name = BaseName(std::filesystem::absolute(path).lexically_normal().string());
  ReadRecipe(run);
  AddOtherFolders(run);
  for (StageRecord& stage : run.stages) ReadStage(run, stage);
  MarkRunning(run);
  ReadEnvironment(run);
  ReadLog(run);
  return run;
}

void ReadTraining(RunRecord& run) {
  for (StageRecord& stage : run.stages) {
    if (!Trains(stage.kind) && !FileExists(JoinPath(stage.folder, "metrics.jsonl"))) continue;
    MetricsFile file(JoinPath(stage.folder, "metrics.jsonl"));
    stage.state == StageState::kRunning ? file.Update() : file.Finish();
    stage.log = file.log();
    const std::string place = absl::StrCat(stage.name, "/metrics.jsonl");
    if (stage.log.unreadable_lines > 0) {
      run.notes.push_back({place, absl::StrCat(FormatCount(stage.log.unreadable_lines),
                                               " of its lines cannot be read")});
    } else if (stage.state == StageState::kDone && stage.log.steps.empty()) {
      run.notes.push_back({place, "holds no steps: the stage has no curves here"});
    }
  }
}

bool IsStageFolder(const std::string& path) {
  return FileExists(JoinPath(path, kStartedFile)) || FileExists(JoinPath(path, kFinishedFile));
}

StageState StateOfFolder(const std::string& stage_folder) {
  const auto holds = [&](const char* name) { return FileExists(JoinPath(stage_folder, name)); };
  if (holds(kFinishedFile)) return StageState::kDone;
  if (!holds(kStartedFile)) return StageState::kWaiting;
  return holds(kFailedFile) ? StageState::kFailed : StageState::kStopped;
}

std::optional<int> LockHolder(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // "7: FLOCK  ADVISORY  WRITE 4711 fe:00:5694585 0 EOF"; a waiting one has "->" after the
    // number.
    std::istringstream words(line);
    std::string number, type, advisory, access, file;
    int process = 0;
    words >> number >> type >> advisory >> access >> process >> file;
    const size_t colon = file.rfind(':');
    if (!words || type != "FLOCK" || colon == std::string::npos || process <= 0) continue;
    if (file.substr(colon + 1) == absl::StrCat(found.st_ino)) {
      std::ifstream named(path);  // the file says who: another disk may have the same number
      int holder = 0;
      if (named >> holder && holder == process) return process;
    }
  }
  return std::nullopt;
}

}  // namespace regroup
