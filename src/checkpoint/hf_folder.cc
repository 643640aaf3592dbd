// Reading: files -> tensors by name -> slots of the layer table. An unfilled slot or a left-over
// tensor is an error.
#include "checkpoint/hf_folder.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoint/manifest.h"
#include "checkpoint/tensor_file.h"
#include "core/files.h"
#include "formats/safetensors.h"

namespace regroup {
namespace {

constexpr char kShared[] = "shared.weight";
constexpr char kHead[] = "lm_head.weight";
constexpr char kAliases[2][32] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"};
// Old T5 1.0 files carry this table; no implementation reads it.
constexpr char kUnusedBias[] =
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

struct WeightFiles {
  std::vector<std::string> paths;
  Json weight_map;    // of the index: tensor -> file; null for a single file
  std::string place;  // what an error about names points at
};

absl::StatusOr<WeightFiles> ReadShardIndex(const std::string& folder, const std::string& index) {
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(index));
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    return UserError(index, "expected an object with \"weight_map\": {tensor: file}");
  }
  WeightFiles files{{}, json["weight_map"], index};
  std::set<std::string> names;
  for (const auto& [tensor, file] : files.weight_map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos) {
      return UserError(index, absl::StrCat("weight_map: ", tensor,
                                           ": expected the name of a file in this folder"));
    }
    names.insert(name);
  }
  for (const std::string& name : names) files.paths.push_back(JoinPath(folder, name));
  return files;
}

absl::StatusOr<WeightFiles> FindWeightFiles(const std::string& folder) {
  const std::string single = JoinPath(folder, "model.safetensors");
  if (FileExists(single)) return WeightFiles{{single}, nullptr, single};
  const std::string index = JoinPath(folder, "model.safetensors.index.json");
  if (FileExists(index)) return ReadShardIndex(folder, index);
  if (FileExists(JoinPath(folder, "pytorch_model.bin"))) {
    return UserError(folder,
                     "holds pytorch_model.bin only; model.safetensors was expected. Load it with "
                     "transformers and "
                     "save it with save_pretrained(..., safe_serialization=True)");
  }
  return UserError(folder,
                   "no model.safetensors and no model.safetensors.index.json; a Hugging Face T5 "
                   "folder was expected");
}

absl::StatusOr<StateDict> ReadWeights(const WeightFiles& files) {
  StateDict all;
  for (const std::string& path : files.paths) {
    REGROUP_ASSIGN_OR_RETURN(StateDict part, ReadTensorFile(path));
    for (auto& [name, tensor] : part) {
      const bool listed = files.weight_map.is_null() || (files.weight_map.contains(name) &&
                                                         files.weight_map[name] == BaseName(path));
      if (!listed)
        return UserError(path,
                         absl::StrCat("holds ", name, ", which the index does not place here"));
      all[name] = tensor;
    }
  }
  return all;
}

// Removes what other software stores beside the table: aliases of the embedding and the unused
// bias.
absl::Status DropAliases(StateDict& weights, const std::string& place) {
  weights.erase(kUnusedBias);
  for (const char* alias : kAliases) {
    const auto found = weights.find(alias);
    if (found == weights.end()) continue;
    const at::Tensor tensor = found->second;
    weights.erase(found);
    const auto [shared, first] = weights.emplace(kShared, tensor);
    if (!first && !SameBits(shared->second, tensor)) {
      return UserError(place,
                       absl::StrCat(alias, ": differs from ", kShared, "; a T5 has one embedding"));
    }
  }
  return absl::OkStatus();
}

// The tensors have the last word on tying. A head equal to the embedding is an alias unless the
// config says untied.
void DecideTying(const Json& json, StateDict& weights, T5Config& config) {
  const bool says_untied =
      json.contains("tie_word_embeddings") && json["tie_word_embeddings"] == false;
  const auto head = weights.find(kHead), shared = weights.find(kShared);
  const bool has_own = head != weights.end() && (says_untied || shared == weights.end() ||
                                                 !SameBits(head->second, shared->second));
  config.tied_embeddings = !has_own && !says_untied;
  if (config.tied_embeddings) weights.erase(kHead);
  // transformers 5 writes tie_word_embeddings true for every mT5 and umT5, and has no flag of its
  // own for the scale there: an untied head is not scaled (T5X, transformers 4).
  const bool says_scaled = json.contains("scale_decoder_outputs");
  if (has_own && config.family != "t5" && !says_scaled) config.scale_decoder_outputs = false;
}

absl::Status CheckSlots(const T5Config& config, const StateDict& weights,
                        const std::string& place) {
  std::vector<std::string> problems;
  std::set<std::string> known;
  for (const TensorSpec& spec : LayerTable(config)) {
    known.insert(spec.name);
    const auto found = weights.find(spec.name);
    if (found == weights.end()) {
      problems.push_back(absl::StrCat("missing: ", spec.name, " ", ShapeText(spec.shape)));
    } else if (found->second.sizes() != at::IntArrayRef(spec.shape)) {
      problems.push_back(absl::StrCat("wrong shape: ", spec.name, ": found ",
                                      ShapeText(found->second.sizes().vec()),
                                      ", config.json expects ", ShapeText(spec.shape)));
    } else if (!found->second.is_floating_point()) {
      problems.push_back(
          absl::StrCat("wrong type: ", spec.name, ": expected F32, F16, BF16 or F64"));
    }
  }
  for (const auto& [name, tensor] : weights) {
    if (!known.contains(name))
      problems.push_back(absl::StrCat("left over: ", name, " ", ShapeText(tensor.sizes().vec())));
  }
  if (problems.empty()) return absl::OkStatus();
  return UserError(place, absl::StrCat("the tensors do not fit config.json (", problems.size(),
                                       "):\n  ", absl::StrJoin(problems, "\n  ")));
}

absl::Status CheckFinite(const StateDict& weights, const std::string& place) {
  for (const auto& [name, tensor] : weights) {
    if (!AllFinite(tensor)) {
      return UserError(
          place,
          absl::StrCat(
              name, ": holds NaN or infinity; the weights are damaged, take another checkpoint"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> ReadOptionalJson(const std::string& path) {
  if (!FileExists(path)) return Json(nullptr);
  return ReadJsonFile(path);
}

absl::Status CheckIsModelFolder(const std::string& folder) {
  if (!FolderExists(folder))
    return UserError(folder, "no such folder; a Hugging Face T5 folder was expected");
  if (FileExists(JoinPath(folder, "config.json"))) return absl::OkStatus();
  return UserError(folder, "no config.json; a Hugging Face T5 folder was expected");
}

}  // namespace

absl::StatusOr<HfModel> LoadHfFolder(const std::string& folder) {
  REGROUP_RETURN_IF_ERROR(CheckIsModelFolder(folder));
  if (FileExists(JoinPath(folder, kManifestName))) REGROUP_RETURN_IF_ERROR(VerifyManifest(folder));
  HfModel model;
  model.folder = folder;
  const std::string config_path = JoinPath(folder, "config.json");
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(config_path));
  REGROUP_ASSIGN_OR_RETURN(model.config, T5ConfigFromJson(json, config_path));
  REGROUP_ASSIGN_OR_RETURN(const WeightFiles files, FindWeightFiles(folder));
  REGROUP_ASSIGN_OR_RETURN(model.weights, ReadWeights(files));
  REGROUP_RETURN_IF_ERROR(DropAliases(model.weights, files.place));
  DecideTying(json, model.weights, model.config);
  REGROUP_RETURN_IF_ERROR(CheckSlots(model.config, model.weights, files.place));
  REGROUP_RETURN_IF_ERROR(CheckFinite(model.weights, files.place));
  REGROUP_ASSIGN_OR_RETURN(model.generation_config,
                           ReadOptionalJson(JoinPath(folder, "generation_config.json")));
  REGROUP_ASSIGN_OR_RETURN(model.provenance, ReadOptionalJson(JoinPath(folder, "regroup.json")));
  return model;
}

absl::StatusOr<T5Config> LoadHfConfig(const std::string& folder) {
  REGROUP_RETURN_IF_ERROR(CheckIsModelFolder(folder));
  const std::string config_path = JoinPath(folder, "config.json");
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadJsonFile(config_path));
  REGROUP_ASSIGN_OR_RETURN(T5Config config, T5ConfigFromJson(json, config_path));
  const absl::StatusOr<WeightFiles> files = FindWeightFiles(folder);
  if (!files.ok()) return config;
  REGROUP_ASSIGN_OR_RETURN(StateDict weights, ReadWeights(*files));
  REGROUP_RETURN_IF_ERROR(DropAliases(weights, files->place));
  DecideTying(json, weights, config);
  return config;
}

}  // namespace regroup
