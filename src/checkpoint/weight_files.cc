// Finding and reading weight files; shards are compared with their index name by name.
#include "checkpoint/weight_files.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoint/tensor_file.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace {

// In Hugging Face's order; indices follow their single files.
constexpr char kSafetensors[] = "model.safetensors";
constexpr char kPickled[] = "pytorch_model.bin";
constexpr char kIndexMark[] = ".index.json";

absl::StatusOr<WeightFiles> ReadShardIndex(const std::string& folder, const std::string& index) {
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadConfigFile(index));
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object() ||
      json["weight_map"].empty()) {
    return UserError(index, "expected an object with \"weight_map\": {tensor: file}");
  }
  WeightFiles files{{}, json["weight_map"], index};
  std::set<std::string> names;
  for (const auto& [tensor, file] : files.weight_map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
      return UserError(index, absl::StrCat("weight_map: ", tensor, ": found ", DumpJson(file),
                                           ", expected the name of a file in this folder"));
    }
    names.insert(name);
  }
  for (const std::string& name : names) files.paths.push_back(JoinPath(folder, name));
  return files;
}

class ShardReader {
 public:
  explicit ShardReader(const Json& weight_map) {
    for (const auto& [name, file] : weight_map.items()) {
      place_of_[name] = file.get<std::string>();
      placed_in_[file.get<std::string>()].push_back(name);
    }
  }

  absl::Status Add(const std::string& path) {
    absl::StatusOr<StateDict> part = ReadTensorFile(path);
    if (!part.ok()) return AddUnread(BaseName(path), part.status());
    for (auto& [name, tensor] : *part) AddTensor(BaseName(path), name, tensor);
    return absl::OkStatus();
  }

  FolderWeights Finish() {
    for (const auto& [name, file] : place_of_) {
      if (found_in_.contains(name) || !result_.reported.insert(name).second) continue;
      Problem(absl::StrCat("not in its shard: ", name, ", which the index places in ", file));
    }
    return std::move(result_);
  }

 private:
  void Problem(std::string line) { result_.problems.push_back(std::move(line)); }

  absl::Status AddUnread(const std::string& file, const absl::Status& status) {
    if (ExitCode(status) != 2) return status;
    size_t count = 0;
    for (const std::string& name : placed_in_[file])
      count += result_.reported.insert(name).second ? 1 : 0;
    Problem(absl::StrCat("unreadable shard (", count, " tensors): ", status.message()));
    return absl::OkStatus();
  }

  void AddTensor(const std::string& file, const std::string& name, at::Tensor& tensor) {
    const auto [first, fresh] = found_in_.emplace(name, file);
    const auto place = place_of_.find(name);
    if (!fresh) {
      Problem(absl::StrCat("twice: ", name, " is in ", first->second, " and in ", file));
    } else if (place == place_of_.end()) {
      Problem(absl::StrCat("not in the index: ", name, " is in ", file));
    } else if (place->second != file) {
      Problem(absl::StrCat("in another shard: ", name, " is in ", file, ", the index places it in ",
                           place->second));
    }
    result_.tensors.emplace(name, std::move(tensor));
  }

  std::map<std::string, std::string> place_of_;                // by the index
  std::map<std::string, std::vector<std::string>> placed_in_;  // file -> its tensors by the index
  std::map<std::string, std::string> found_in_;
  FolderWeights result_;
};

}  // namespace

bool IsThere(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

absl::StatusOr<WeightFiles> FindWeightFiles(const std::string& folder) {
  std::vector<std::string> found;
  for (const std::string file : {kSafetensors, kPickled}) {
    for (const std::string& name : {file, file + kIndexMark}) {
      if (IsThere(JoinPath(folder, name))) found.push_back(name);
    }
  }
  if (found.empty()) {
    return UserError(folder, absl::StrCat("no ", kSafetensors, " and no ", kPickled,
                                          ", nor an index of either (*", kIndexMark,
                                          "); a Hugging Face T5 folder was expected"));
  }
  const bool pickled_too = found[0].starts_with(kSafetensors) && found.back().starts_with(kPickled);
  if (pickled_too) {
    LogInfo(absl::StrCat(folder, ": reads ", found[0], ", not ", found.back(), " beside it"));
  }
  const std::string path = JoinPath(folder, found[0]);
  if (found[0].ends_with(kIndexMark)) return ReadShardIndex(folder, path);
  return WeightFiles{{path}, nullptr, path};
}

absl::StatusOr<FolderWeights> ReadWeightFiles(const WeightFiles& files) {
  if (files.weight_map.is_null()) {
    FolderWeights single;
    REGROUP_ASSIGN_OR_RETURN(single.tensors, ReadTensorFile(files.paths.at(0)));
    return single;
  }
  ShardReader reader(files.weight_map);
  for (const std::string& path : files.paths) REGROUP_RETURN_IF_ERROR(reader.Add(path));
  return reader.Finish();
}

}  // namespace regroup
