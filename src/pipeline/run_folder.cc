// Lock by flock(2): it goes with the process, so a killed run leaves none behind.
#include "pipeline/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "checkpoint/run_checkpoint.h"
#include "core/files.h"
#include "report/json_fields.h"
#include "report/run_record.h"

namespace regroup {
namespace {

constexpr char kRedo[] = "redo.json";
constexpr char kSpent[] = "spent.json";
constexpr char kLock[] = ".lock";
constexpr char kEnvironment[] = "environment.json";  // written when a run begins

Json IdentityJson(const StageIdentity& identity) {
  return Json{{"kind", identity.kind},
              {"hash", identity.Hash()},
              {"config", identity.config},
              {"inputs", identity.inputs}};
}

std::string RecordHash(Json record) {
  record.erase("record_hash");
  return HashBytes(DumpJson(record));
}

absl::Status WriteRecord(const std::string& path, Json record) {
  record["record_hash"] = RecordHash(record);
  return WriteFileAtomically(path, DumpJsonPretty(record));
}

// A record as WriteRecord left it.
absl::StatusOr<Json> ReadRecord(const std::string& path) {
  const auto damaged = [&](absl::string_view why) {
    const std::string stage = BaseName(std::filesystem::path(path).parent_path().string());
    return UserError(path, absl::StrCat("this record is damaged (", why,
                                        "); run the stage again with --redo ", stage));
  };
  const absl::StatusOr<Json> record = ReadConfigFile(path);
  if (!record.ok()) return damaged(record.status().message());
  if (!record->is_object() || !record->contains("record_hash")) return damaged("it has no hash");
  if ((*record)["record_hash"] != RecordHash(*record)) return damaged("its content changed");
  return *record;
}

void Flatten(const Json& json, const std::string& prefix, std::map<std::string, std::string>& out) {
  if (!json.is_object() || json.empty()) {
    out[prefix] = DumpJson(json);
    return;
  }
  for (const auto& [key, value] : json.items())
    Flatten(value, prefix.empty() ? key : absl::StrCat(prefix, ".", key), out);
}

std::string PidIn(int file) {
  char text[32] = {};
  const ssize_t size = ::pread(file, text, sizeof text - 1, 0);
  return size > 0 ? std::string(absl::StripSuffix(text, "\n")) : "unknown";
}

absl::Status WritePid(int file, const std::string& path) {
  const std::string pid = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return RunError(path, absl::StrCat("cannot write: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

// A run writes recipe.yaml and log.txt: not over somebody else's.
absl::Status CheckIsOurs(const std::string& path) {
  const bool ours = FileExists(JoinPath(path, kLock)) || FileExists(JoinPath(path, kEnvironment));
  if (ours) return absl::OkStatus();
  for (const char* name : {"recipe.yaml", "log.txt"}) {
    if (!FileExists(JoinPath(path, name))) continue;
    return UserError(path, absl::StrCat("holds a ", name,
                                        " that no run wrote and this one would replace; choose "
                                        "another folder with --out"));
  }
  return absl::OkStatus();
}

// What a finished stage says it left behind must still be there.
absl::Status CheckOutputs(const std::string& stage_folder, const Json& result) {
  for (const char* key : {"model", "table", "predictions", "calibration"}) {
    if (!result.contains(key) || !result[key].is_string()) continue;
    const std::string path = JoinPath(stage_folder, result[key].get<std::string>());
    if (FileExists(path) || FolderExists(path)) continue;
    return UserError(
        path, absl::StrCat("is missing, but the stage has finished; run it again with --redo ",
                           BaseName(stage_folder)));
  }
  return absl::OkStatus();
}

}  // namespace

std::string StageIdentity::Hash() const {
  return HashBytes(DumpJson(Json{{"kind", kind}, {"config", config}, {"inputs", inputs}}));
}

std::vector<std::string> ChangedKeys(const StageIdentity& before, const StageIdentity& now) {
  std::map<std::string, std::string> old_values, new_values;
  Flatten(Json{{"kind", before.kind}, {"config", before.config}, {"inputs", before.inputs}}, "",
          old_values);
  Flatten(Json{{"kind", now.kind}, {"config", now.config}, {"inputs", now.inputs}}, "", new_values);
  std::set<std::string> keys;
  for (const auto& [key, value] : old_values) keys.insert(key);
  for (const auto& [key, value] : new_values) keys.insert(key);
  std::vector<std::string> changes;
  for (const std::string& key : keys) {
    const std::string a = old_values.contains(key) ? old_values[key] : "absent";
    const std::string b = new_values.contains(key) ? new_values[key] : "absent";
    if (a != b) changes.push_back(absl::StrCat(key, ": ", a, " -> ", b));
  }
  return changes;
}

absl::StatusOr<std::unique_ptr<RunFolder>> RunFolder::Open(const std::string& path) {
  REGROUP_RETURN_IF_ERROR(CheckIsOurs(path));
  REGROUP_RETURN_IF_ERROR(MakeFolders(path));
  const std::string lock_path = JoinPath(path, kLock);
  const int file = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0)
    return UserError(lock_path, absl::StrCat("cannot be opened: ", std::strerror(errno)));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    const std::string pid = PidIn(file);
    ::close(file);
    return UserError(path, absl::StrCat("the process ", pid,
                                        " is running a recipe in this folder; wait for it, stop it "
                                        "(kill ",
                                        pid, "), or choose another folder with --out"));
  }
  auto folder = std::unique_ptr<RunFolder>(new RunFolder(path, file));
  REGROUP_RETURN_IF_ERROR(WritePid(file, lock_path));
  return folder;
}

std::unique_ptr<RunFolder> RunFolder::View(const std::string& path) {
  return std::unique_ptr<RunFolder>(new RunFolder(path, -1));
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

std::string RunFolder::StageFolder(const std::string& stage) const {
  return JoinPath(path_, stage);
}

absl::StatusOr<std::optional<StageIdentity>> RunFolder::Recorded(const std::string& stage) const {
  for (const char* name : {kFinishedFile, kStartedFile}) {
    const std::string path = JoinPath(StageFolder(stage), name);
    if (!FileExists(path)) continue;
    // Begun, but without a step: it begins anew, whatever has changed.
    if (name == kStartedFile && ListCheckpoints(StageFolder(stage)).empty()) continue;
    REGROUP_ASSIGN_OR_RETURN(const Json json, ReadRecord(path));
    return StageIdentity{json["kind"].get<std::string>(), json["config"], json["inputs"]};
  }
  if (!ListCheckpoints(StageFolder(stage)).empty()) {
    return UserError(StageFolder(stage),
                     absl::StrCat("holds checkpoints, but no record of what made them; run the "
                                  "stage again with --redo ",
                                  stage));
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Json>> ReadStageResult(const std::string& stage_folder) {
  const std::string path = JoinPath(stage_folder, kFinishedFile);
  if (!FileExists(path)) return std::nullopt;
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadRecord(path));
  REGROUP_RETURN_IF_ERROR(CheckOutputs(stage_folder, json["result"]));
  return json["result"];
}

absl::StatusOr<std::optional<Json>> RunFolder::Result(const std::string& stage) const {
  return ReadStageResult(StageFolder(stage));
}

absl::Status RunFolder::Begin(const std::string& stage, const StageIdentity& identity) const {
  REGROUP_RETURN_IF_ERROR(MakeFolders(StageFolder(stage)));
  std::error_code ignored;  // the note of a failure only informs
  std::filesystem::remove(JoinPath(StageFolder(stage), kFailedFile), ignored);
  return WriteRecord(JoinPath(StageFolder(stage), kStartedFile), IdentityJson(identity));
}

void RunFolder::NoteFailure(const std::string& stage, const absl::Status& error) const {
  const Json note = {{"error", std::string(error.message())}};
  WriteFileAtomically(JoinPath(StageFolder(stage), kFailedFile), DumpJsonPretty(note))
      .IgnoreError();
}

absl::Status RunFolder::Finish(const std::string& stage, const StageIdentity& identity,
                               const Json& result, double seconds) const {
  Json json = IdentityJson(identity);
  json["result"] = result;
  json["seconds"] = seconds;
  return WriteRecord(JoinPath(StageFolder(stage), kFinishedFile), std::move(json));
}

double RunFolder::SecondsBefore(const std::string& stage) const {
  const auto json = ReadConfigFile(JoinPath(StageFolder(stage), kSpent));
  const Json seconds = json.ok() ? FieldOf(*json, "seconds") : Json();
  return seconds.is_number() ? seconds.get<double>() : 0;
}

void RunFolder::NoteSeconds(const std::string& stage, double seconds) const {
  const Json spent = {{"seconds", SecondsBefore(stage) + seconds}};
  WriteFileAtomically(JoinPath(StageFolder(stage), kSpent), DumpJsonPretty(spent)).IgnoreError();
}

absl::StatusOr<std::vector<std::string>> RunFolder::PendingRedo() const {
  const std::string path = JoinPath(path_, kRedo);
  if (!FileExists(path)) return std::vector<std::string>{};
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadRecord(path));
  return json["stages"].get<std::vector<std::string>>();
}

absl::Status RunFolder::NoteRedo(const std::vector<std::string>& stages) const {
  return WriteRecord(JoinPath(path_, kRedo), Json{{"stages", stages}});
}

absl::Status RunFolder::ForgetRedo() const {
  std::error_code error;
  std::filesystem::remove(JoinPath(path_, kRedo), error);
  return error ? RunError(JoinPath(path_, kRedo), error.message()) : absl::OkStatus();
}

absl::StatusOr<std::string> RunFolder::MoveAside(const std::string& stage) const {
  std::string target;
  for (int i = 1; target.empty() || FolderExists(target); ++i)
    target = absl::StrCat(StageFolder(stage), ".old-", i);
  std::error_code error;
  std::filesystem::rename(StageFolder(stage), target, error);
  if (error)
    return RunError(StageFolder(stage),
                    absl::StrCat("cannot be moved to ", target, ": ", error.message()));
  return target;
}

}  // namespace regroup
