// Reads what the path names, to its end.
#include "pipeline/inspect_path.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/log.h"
#include "formats/lines.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"
#include "report/table.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

constexpr size_t kMostBrokenLines = 20;

bool IsRunFolder(const std::string& path) { return FileExists(JoinPath(path, "recipe.yaml")); }

absl::StatusOr<Json> InspectStage(const std::string& folder, const std::string& name) {
  const bool finished = FileExists(JoinPath(folder, "stage.json"));
  const std::string path = JoinPath(folder, finished ? "stage.json" : "started.json");
  REGROUP_ASSIGN_OR_RETURN(const Json record, ReadConfigFile(path));
  const Json kind = record.is_object() ? record.value("kind", Json()) : Json();
  if (!kind.is_string())
    return UserError(path, "is no record of a stage; expected an object with its \"kind\"");
  Json stage = {{"name", name}, {"kind", kind}, {"state", finished ? "finished" : "begun"}};
  stage["seconds"] = record.value("seconds", Json());
  const Json result = record.value("result", Json());
  const Json model = result.is_object() ? result.value("model", Json()) : Json();
  stage["model"] = model.is_string() ? Json(JoinPath(folder, model.get<std::string>())) : Json();
  return stage;
}

bool IsStageFolder(const std::string& path) {
  return FileExists(JoinPath(path, "stage.json")) || FileExists(JoinPath(path, "started.json"));
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

// One file of weights or of an optimizer's state.
absl::StatusOr<Json> InspectTensors(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  Json json = {{"path", path}, {"kind", "tensors"}, {"bytes", 0}, {"tensors", Json::array()}};
  size_t bytes = 0;
  for (const TensorEntry& entry : file.entries()) {
    bytes += entry.bytes;
    json["tensors"].push_back(
        {{"name", entry.name}, {"shape", entry.shape}, {"dtype", DTypeName(entry.dtype)}});
  }
  json["bytes"] = bytes;
  return json;
}

// The same of a file that torch.save wrote; storages that tensors share count once.
absl::StatusOr<Json> InspectTorchFile(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const TorchFile file, TorchFile::Open(path));
  Json json = {{"path", path}, {"kind", "tensors"}, {"bytes", 0}, {"tensors", Json::array()}};
  size_t bytes = 0;
  for (const TorchStorage& storage : file.storages()) {
    bytes += static_cast<size_t>(storage.count) * DTypeBytes(storage.dtype);
  }
  for (const TorchTensor& tensor : file.tensors()) {
    const DType dtype = file.storages()[tensor.storage].dtype;
    json["tensors"].push_back(
        {{"name", tensor.name}, {"shape", tensor.shape}, {"dtype", DTypeName(dtype)}});
  }
  json["bytes"] = bytes;
  return json;
}

absl::StatusOr<Json> InspectRun(const std::string& path) {
  Json json = {{"path", path}, {"kind", "run"}, {"stages", Json::array()}};
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(path));
  for (const std::string& name : names) {
    const std::string folder = JoinPath(path, name);
    if (!IsStageFolder(folder)) continue;
    REGROUP_ASSIGN_OR_RETURN(Json stage, InspectStage(folder, name));
    json["stages"].push_back(std::move(stage));
  }
  return json;
}

// `folder` holds spiece.model; `path` is the folder or that file.
absl::StatusOr<Json> InspectTokenizer(const std::string& path, const std::string& folder) {
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(folder));
  return Json{{"path", path},
              {"kind", "tokenizer"},
              {"size", tokenizer->size()},
              {"sentinels", tokenizer->sentinels()},
              {"fingerprint", tokenizer->Fingerprint()}};
}

// Counts over the lines of a data file.
struct DataCounts {
  int64_t lines = 0, bytes = 0, longest = 0, empty = 0, broken = 0;
  Json broken_lines = Json::array();
  Json keys = Json::object();
  Json first;

  void Add(const std::string& line, const std::string& place) {
    ++lines;
    bytes += static_cast<int64_t>(line.size());
    longest = std::max(longest, static_cast<int64_t>(line.size()));
    if (line.empty()) ++empty;
    if (line.empty() || line[0] != '{') return AddText(line);
    const auto row = ParseJson(line, place);
    if (!row.ok()) {
      ++broken;
      if (broken_lines.size() < kMostBrokenLines) {
        broken_lines.push_back({{"line", lines}, {"message", std::string(row.status().message())}});
      }
      return;
    }
    if (first.is_null()) first = *row;
    for (const auto& [key, value] : row->items()) keys[key] = keys.value(key, 0) + 1;
  }

  void AddText(const std::string& line) {
    if (first.is_null() && !line.empty()) first = line;
  }
};

absl::StatusOr<Json> InspectData(const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const std::unique_ptr<LineReader> reader, LineReader::Open(path));
  DataCounts counts;
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const std::optional<std::string> line, reader->Next());
    if (!line.has_value()) break;
    counts.Add(*line, absl::StrCat(path, ":", reader->line_number()));
  }
  return Json{{"path", path},
              {"kind", "data"},
              {"lines", counts.lines},
              {"bytes", counts.bytes},
              {"longest_line", counts.longest},
              {"empty_lines", counts.empty},
              {"broken", counts.broken},
              {"broken_lines", counts.broken_lines},
              {"keys", counts.keys},
              {"first", counts.first}};
}

std::string StageText(const Json& found) {
  const Json& seconds = found["seconds"];
  std::string text = absl::StrCat(
      "stage ", found["name"].get<std::string>(), " (", found["stage_kind"].get<std::string>(),
      "), ", found["state"].get<std::string>(),
      seconds.is_number() ? absl::StrCat(" after ", FormatDuration(seconds.get<double>())) : "",
      "\n");
  if (found["model"].is_string())
    absl::StrAppend(&text, "model: ", found["model"].get<std::string>(), "\n");
  for (const Json& file : found["files"])
    absl::StrAppend(&text, "  ", file.get<std::string>(), "\n");
  return text;
}

std::string TensorsText(const Json& found) {
  TextTable table{{"tensor", "shape", "type"}, {}};
  for (const Json& tensor : found["tensors"]) {
    table.rows.push_back({tensor["name"].get<std::string>(), DumpJson(tensor["shape"]),
                          tensor["dtype"].get<std::string>()});
  }
  return absl::StrCat(found["tensors"].size(), " tensors, ",
                      FormatBytes(found["bytes"].get<double>()), "\n", FormatTable(table));
}

std::string RunText(const Json& found) {
  TextTable table{{"stage", "kind", "state", "time", "model"}, {}};
  for (const Json& stage : found["stages"]) {
    const Json& seconds = stage["seconds"];
    table.rows.push_back({stage["name"].get<std::string>(), stage["kind"].get<std::string>(),
                          stage["state"].get<std::string>(),
                          seconds.is_number() ? FormatDuration(seconds.get<double>()) : "-",
                          stage["model"].is_string() ? stage["model"].get<std::string>() : "-"});
  }
  return FormatTable(table);
}

std::string DataText(const Json& found) {
  std::string text =
      absl::StrCat(FormatCount(found["lines"].get<int64_t>()), " lines, ",
                   FormatBytes(found["bytes"].get<double>()), " of text, longest line ",
                   FormatBytes(found["longest_line"].get<double>()), ", ",
                   found["empty_lines"].get<int64_t>(), " empty\n");
  for (const auto& [key, rows] : found["keys"].items()) {
    absl::StrAppend(&text, "key ", key, ": in ", FormatCount(rows.get<int64_t>()), " rows\n");
  }
  absl::StrAppend(&text, found["broken"].get<int64_t>(), " broken lines\n");
  for (const Json& line : found["broken_lines"])
    absl::StrAppend(&text, "  ", line["message"].get<std::string>(), "\n");
  if (!found["first"].is_null())
    absl::StrAppend(&text, "first: ", DumpJson(found["first"]).substr(0, 300), "\n");
  return text;
}

}  // namespace

absl::StatusOr<Json> InspectOther(const std::string& path) {
  if (FolderExists(path)) {
    if (IsRunFolder(path)) return InspectRun(path);
    if (IsStageFolder(path)) return InspectStageFolder(path);
    if (HasTokenizer(path)) return InspectTokenizer(path, path);
    return UserError(
        path,
        "is a folder without config.json (model), recipe.yaml (run), stage.json (stage "
        "of a run) or spiece.model (tokenizer)");
  }
  if (!FileExists(path)) return UserError(path, "there is no such file or folder");
  if (path.ends_with(".safetensors")) return InspectTensors(path);
  if (path.ends_with(".bin")) return InspectTorchFile(path);
  if (BaseName(path) == "spiece.model") return InspectTokenizer(path, ParentFolder(path));
  return InspectData(path);
}

std::string OtherInspectionText(const Json& found) {
  const std::string kind = found["kind"];
  const std::string head = absl::StrCat(found["path"].get<std::string>(), ": ", kind, "\n");
  if (kind == "run") return head + RunText(found);
  if (kind == "stage") return head + StageText(found);
  if (kind == "tensors") return head + TensorsText(found);
  if (kind == "data") return head + DataText(found);
  return absl::StrCat(head, found["size"].get<int64_t>(), " ids, ",
                      found["sentinels"].get<int64_t>(), " of them sentinels\nfingerprint ",
                      found["fingerprint"].get<std::string>(), "\n");
}

}  // namespace regroup
