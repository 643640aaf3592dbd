// From a path to the file that knows its kind.
#include "pipeline/inspect_path.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoint/inspect_checkpoint.h"
#include "core/files.h"
#include "core/log.h"
#include "core/near_path.h"
#include "formats/safetensors.h"
#include "formats/torch_file.h"
#include "pipeline/inspect_recipe.h"
#include "pipeline/inspect_run.h"
#include "pipeline/inspect_tokenizer.h"
#include "report/run_record.h"
#include "report/table.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

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

std::string TensorsText(const Json& found) {
  TextTable table{{"tensor", "shape", "type"}, {}};
  for (const Json& tensor : found["tensors"]) {
    table.rows.push_back({tensor["name"].get<std::string>(), DumpJson(tensor["shape"]),
                          tensor["dtype"].get<std::string>()});
  }
  return absl::StrCat(found["tensors"].size(), " tensors, ",
                      FormatBytes(found["bytes"].get<double>()), "\n", FormatTable(table));
}

// The first few names in a folder.
std::string Holding(std::vector<std::string> names) {
  const bool more = names.size() > 6;
  if (more) names.resize(6);
  return absl::StrCat("; it holds ", absl::StrJoin(names, ", "), more ? " and more" : "");
}

bool HoldsWeights(const std::string& path) {
  return FileExists(JoinPath(path, "model.safetensors")) ||
         FileExists(JoinPath(path, "pytorch_model.bin"));
}

// What a folder of no known kind looks like.
absl::Status UnknownFolder(const std::string& path) {
  const std::vector<std::string> names = ListFolder(path).value_or(std::vector<std::string>{});
  const std::string expected =
      "is a folder without config.json (model), recipe.yaml (run), stage.json (stage of a run) or "
      "spiece.model (tokenizer)";
  if (names.empty()) return UserError(path, expected + "; it is empty");
  std::vector<std::string> known;
  for (const std::string& name : names) {
    const std::string inside = JoinPath(path, name);
    if (IsCheckpointFolder(inside) || IsRunFolder(inside) || IsStageFolder(inside))
      known.push_back(inside);
  }
  if (known.empty()) {
    return UserError(
        path, absl::StrCat(expected, HoldsWeights(path) ? "; it holds weights: inspect that file, "
                                                          "or add the model's config.json"
                                                        : Holding(names)));
  }
  if (known.size() > 5) known.resize(5);
  return UserError(
      path, absl::StrCat(expected, "; inspect one of those in it: ", absl::StrJoin(known, ", ")));
}

absl::StatusOr<Json> InspectFolder(const InspectOptions& options) {
  const std::string& path = options.path;
  if (IsCheckpointFolder(path)) return InspectCheckpoint(path);
  if (IsRunFolder(path)) return InspectRun(path);
  if (IsStageFolder(path)) return InspectStageFolder(path);
  if (HasTokenizer(path) && !HoldsWeights(path)) return InspectTokenizer(path, path, options.text);
  return UnknownFolder(path);
}

absl::StatusOr<Json> InspectFile(const InspectOptions& options) {
  const std::string& path = options.path;
  if (path.ends_with(".safetensors")) return InspectTensors(path);
  if (path.ends_with(".bin")) return InspectTorchFile(path);
  if (path.ends_with(".yaml") || path.ends_with(".yml")) return InspectYaml(path);
  if (BaseName(path) == "spiece.model")
    return InspectTokenizer(path, ParentFolder(path), options.text);
  return InspectData(path, options.data);
}

// Options that belong to another kind would be passed over in silence.
absl::Status CheckEffect(const InspectOptions& options, const std::string& kind) {
  const bool is_data = kind == "data" || kind == "task data";
  const auto check = [&](const char* flag, bool given, bool used) {
    if (!given || used) return absl::OkStatus();
    return UserError(flag, absl::StrCat("has no effect on ", options.path, ", which is a ", kind,
                                        "; leave it out"));
  };
  REGROUP_RETURN_IF_ERROR(check("--model", !options.data.model.empty(), is_data));
  REGROUP_RETURN_IF_ERROR(check("--task", !options.data.task.empty(), is_data));
  REGROUP_RETURN_IF_ERROR(check("--lengths", options.data.lengths.has_value(), is_data));
  REGROUP_RETURN_IF_ERROR(check("--text", !options.text.empty(), kind == "tokenizer"));
  const bool checkpoint = kind == "model" || kind == "training checkpoint";
  return check("--tensors", options.tensors, checkpoint);
}

}  // namespace

absl::StatusOr<Json> InspectPath(const InspectOptions& options) {
  const bool folder = FolderExists(options.path);
  const bool pair = !options.data.task.empty() && options.path.find(',') != std::string::npos;
  if (!folder && !pair && !FileExists(options.path))
    return UserError(options.path,
                     absl::StrCat("there is no such file or folder", DidYouMeanPath(options.path)));
  REGROUP_ASSIGN_OR_RETURN(Json found, folder ? InspectFolder(options) : InspectFile(options));
  REGROUP_RETURN_IF_ERROR(CheckEffect(options, found["kind"]));
  return found;
}

std::string InspectionWords(const Json& found, const InspectOptions& options) {
  const std::string kind = found["kind"];
  if (kind == "model" || kind == "training checkpoint")
    return InspectionText(found, options.tensors);
  const std::string head = absl::StrCat(found["path"].get<std::string>(), ": ", kind, "\n");
  if (kind == "run") return head + RunText(found);
  if (kind == "stage") return head + StageText(found);
  if (kind == "tensors") return head + TensorsText(found);
  if (kind == "tokenizer") return head + TokenizerText(found);
  if (kind == "data" || kind == "task data") return head + DataText(found);
  return head + YamlText(found);
}

}  // namespace regroup
