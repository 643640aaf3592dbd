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
#include "core/files.h"

namespace regroup {
namespace {

constexpr char kStarted[] = "started.json";
constexpr char kFinished[] = "stage.json";

Json IdentityJson(const StageIdentity& identity) {
  return Json{{"kind", identity.kind},
              {"hash", identity.Hash()},
              {"config", identity.config},
              {"inputs", identity.inputs}};
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
  REGROUP_RETURN_IF_ERROR(MakeFolders(path));
  const std::string lock_path = JoinPath(path, ".lock");
  const int file = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0)
    return RunError(lock_path, absl::StrCat("cannot be opened: ", std::strerror(errno)));
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

RunFolder::~RunFolder() { ::close(lock_); }

std::string RunFolder::StageFolder(const std::string& stage) const {
  return JoinPath(path_, stage);
}

absl::StatusOr<std::optional<StageIdentity>> RunFolder::Recorded(const std::string& stage) const {
  for (const char* name : {kFinished, kStarted}) {
    const std::string path = JoinPath(StageFolder(stage), name);
    if (!FileExists(path)) continue;
    REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(path));
    if (!json.is_object() || !json.contains("kind") || !json.contains("config") ||
        !json.contains("inputs")) {
      return UserError(path, "is not a stage record; move the stage's folder aside with --redo");
    }
    return StageIdentity{json["kind"].get<std::string>(), json["config"], json["inputs"]};
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Json>> ReadStageResult(const std::string& stage_folder) {
  const std::string path = JoinPath(stage_folder, kFinished);
  if (!FileExists(path)) return std::nullopt;
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(path));
  if (!json.is_object() || !json.contains("result"))
    return UserError(path, "holds no result; redo the stage with --redo");
  return json["result"];
}

absl::StatusOr<std::optional<Json>> RunFolder::Result(const std::string& stage) const {
  return ReadStageResult(StageFolder(stage));
}

absl::Status RunFolder::Begin(const std::string& stage, const StageIdentity& identity) const {
  REGROUP_RETURN_IF_ERROR(MakeFolders(StageFolder(stage)));
  return WriteFileAtomically(JoinPath(StageFolder(stage), kStarted),
                             DumpJsonPretty(IdentityJson(identity)));
}

absl::Status RunFolder::Finish(const std::string& stage, const StageIdentity& identity,
                               const Json& result, double seconds) const {
  Json json = IdentityJson(identity);
  json["result"] = result;
  json["seconds"] = seconds;
  return WriteFileAtomically(JoinPath(StageFolder(stage), kFinished), DumpJsonPretty(json));
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
