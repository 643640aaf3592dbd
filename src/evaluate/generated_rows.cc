// A resumable file of result lines. See generated_rows.h.
#include "evaluate/generated_rows.h"

#include <cerrno>
#include <filesystem>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace {

std::string SettingsPath(const std::string& path) { return path + ".run.json"; }

// Settings that this command wrote say so: another file of that name is somebody else's.
constexpr char kMark[] = "command";
constexpr char kCommand[] = "regroup generate";

absl::StatusOr<Json> ReadSettings(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(Json before, ReadConfigFile(SettingsPath(path)));
  if (before.is_object() && before.value(kMark, Json()) == kCommand) return before;
  return UserError(SettingsPath(path), "was not written by regroup; name another --output");
}

// What began the file must be what goes on with it.
absl::Status CheckSettings(const std::string& path, const Json& settings) {
  if (!FileExists(SettingsPath(path))) {
    return UserError(path,
                     absl::StrCat("is there already and has no ", SettingsPath(path),
                                  ", so this command did not begin it; name another --output"));
  }
  REGROUP_ASSIGN_OR_RETURN(const Json before, ReadSettings(path));
  std::vector<std::string> changed;
  for (const auto& [key, value] : settings.items()) {
    if (!before.contains(key) || before[key] != value) changed.push_back(key);
  }
  if (changed.empty()) return absl::OkStatus();
  return UserError(
      path, absl::StrCat("was begun with another ", absl::StrJoin(changed, ", "),
                         "; remove it (and ", SettingsPath(path), ") or name another --output"));
}

bool IsEmpty(const std::string& path) {
  std::error_code error;
  return std::filesystem::file_size(path, error) == 0;
}

}  // namespace

absl::Status GeneratedRows::CheckPlace(const std::string& path, const std::string& data) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (path.empty()) return absl::OkStatus();
  if (FolderExists(path)) return UserError(path, "is a folder; --output names a file");
  if (!FolderExists(ParentFolder(path))) {
    return UserError(path, absl::StrCat("there is no folder ", ParentFolder(path),
                                        "; make it or name another --output"));
  }
  if (fs::equivalent(path, data, error)) {
    return UserError(path, "is the --data file itself; name another --output");
  }
  if (FileExists(path) && !IsEmpty(path)) return CheckSettings(path, Json::object());
  return FileExists(SettingsPath(path)) ? ReadSettings(path).status() : absl::OkStatus();
}

absl::Status GeneratedRows::ReadFinished() {
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path_));
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const std::string place = absl::StrCat(path_, ":", ids_.size() + 1);
    const absl::StatusOr<Json> line = ParseJson(text.substr(begin, end - begin), place);
    if (!line.ok() && end + 1 == text.size()) break;  // torn, with a newline from elsewhere
    const bool ours =
        line.ok() && line->is_object() && line->contains("id") && line->contains("output_ids");
    if (!ours) return UserError(place, "is no line of `generate`; name another --output");
    ids_.push_back((*line)["id"]);
  }
  if (begin == text.size()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::resize_file(path_, begin, error);
  return error ? RunError(path_,
                          absl::StrCat("the torn last line cannot be cut off: ", error.message()))
               : absl::OkStatus();
}

absl::Status GeneratedRows::OpenFile() {
  file_.open(path_, std::ios::app | std::ios::binary);
  return file_ ? absl::OkStatus() : WriteError(path_, "cannot be opened for writing", errno);
}

absl::StatusOr<GeneratedRows> GeneratedRows::Open(const std::string& path, const Json& settings,
                                                  std::ostream& out) {
  if (path.empty()) return GeneratedRows("", &out);
  GeneratedRows rows(path, nullptr);
  std::error_code error;
  const bool is_there = std::filesystem::exists(path, error);
  if (is_there && !FileExists(path)) {
    REGROUP_RETURN_IF_ERROR(rows.OpenFile());
    return rows;
  }
  Json marked = {{kMark, kCommand}};
  marked.update(settings);
  if (is_there && !IsEmpty(path)) {
    REGROUP_RETURN_IF_ERROR(CheckSettings(path, marked));
    REGROUP_RETURN_IF_ERROR(rows.ReadFinished());
    LogInfo(absl::StrCat(path, ": goes on behind ", rows.finished(), " finished rows"));
  }
  REGROUP_RETURN_IF_ERROR(rows.OpenFile());
  const absl::Status written = WriteFileAtomically(SettingsPath(path), DumpJsonPretty(marked));
  if (!written.ok() && !is_there) std::filesystem::remove(path, error);
  REGROUP_RETURN_IF_ERROR(written);
  return rows;
}

absl::Status GeneratedRows::CheckId(size_t index, const Json& id) const {
  if (ids_[index] == id) return absl::OkStatus();
  return UserError(absl::StrCat(path_, ":", index + 1),
                   absl::StrCat("holds the row with id ", DumpJson(ids_[index]), ", the data has ",
                                DumpJson(id), " there; remove the file or name another --output"));
}

void GeneratedRows::Append(const Json& line) {
  (out_ != nullptr ? *out_ : file_) << DumpJson(line) << "\n";
}

absl::Status GeneratedRows::Flush() {
  std::ostream& stream = out_ != nullptr ? *out_ : file_;
  stream.flush();
  if (stream) return absl::OkStatus();
  return RunError(path_.empty() ? "standard output" : path_,
                  "a row cannot be written (is the disk full?)");
}

}  // namespace regroup
