// Reading: files -> tensors by name -> slots of the layer table. An unfilled slot or a left-over
// tensor is an error.
#include "checkpoint/hf_folder.h"

#include <ATen/ATen.h>

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoint/manifest.h"
#include "checkpoint/open_folder.h"
#include "checkpoint/tensor_file.h"
#include "checkpoint/weight_files.h"
#include "core/files.h"
#include "core/near_path.h"

namespace regroup {
namespace {

constexpr char kShared[] = "shared.weight";
constexpr char kHead[] = "lm_head.weight";
constexpr char kAliases[2][32] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"};
// Old T5 1.0 files carry this table; no implementation reads it.
constexpr char kUnusedBias[] =
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

// Removes what other software stores beside the table: aliases of the embedding and the unused
// bias.
void DropAliases(FolderWeights& all) {
  StateDict& weights = all.tensors;
  weights.erase(kUnusedBias);
  for (const char* alias : kAliases) {
    const auto found = weights.find(alias);
    if (found == weights.end()) continue;
    const at::Tensor tensor = found->second;
    weights.erase(found);
    const auto [shared, first] = weights.emplace(kShared, tensor);
    if (!first && !SameBits(shared->second, tensor)) {
      all.problems.push_back(
          absl::StrCat(alias, ": differs from ", kShared, "; a T5 has one embedding"));
    }
  }
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

// What is wrong with the tensor that should fill the slot, or "".
std::string SlotProblem(const TensorSpec& spec, const FolderWeights& all) {
  const auto found = all.tensors.find(spec.name);
  if (found == all.tensors.end()) {
    if (all.reported.contains(spec.name)) return "";
    return absl::StrCat("missing: ", spec.name, " ", ShapeText(spec.shape));
  }
  if (found->second.sizes() != at::IntArrayRef(spec.shape)) {
    return absl::StrCat("wrong shape: ", spec.name, ": found ",
                        ShapeText(found->second.sizes().vec()), ", config.json expects ",
                        ShapeText(spec.shape));
  }
  if (found->second.is_floating_point()) return "";
  return absl::StrCat("wrong type: ", spec.name, ": expected F32, F16, BF16 or F64");
}

absl::Status ListProblems(const std::vector<std::string>& problems, const std::string& place) {
  if (problems.empty()) return absl::OkStatus();
  return UserError(place, absl::StrCat("the weights are incomplete or do not fit config.json (",
                                       problems.size(), "):\n  ", absl::StrJoin(problems, "\n  ")));
}

// All that is wrong with files, names, shapes and types is one error.
absl::Status CheckSlots(const T5Config& config, const FolderWeights& all,
                        const std::string& place) {
  std::vector<std::string> problems = all.problems;
  std::set<std::string> known;
  for (const TensorSpec& spec : LayerTable(config)) {
    known.insert(spec.name);
    const std::string problem = SlotProblem(spec, all);
    if (!problem.empty()) problems.push_back(problem);
  }
  for (const auto& [name, tensor] : all.tensors) {
    if (!known.contains(name))
      problems.push_back(absl::StrCat("left over: ", name, " ", ShapeText(tensor.sizes().vec())));
  }
  return ListProblems(problems, place);
}

absl::Status CheckFinite(const StateDict& weights, const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : weights) {
    if (!AllFinite(tensor)) names.push_back(name);
  }
  if (names.empty()) return absl::OkStatus();
  REGROUP_ASSIGN_OR_RETURN(const WeightFiles files, FindWeightFiles(folder));
  return UserError(files.place,
                   absl::StrCat(absl::StrJoin(names, ", "),
                                ": holds NaN or infinity; the weights are damaged, take "
                                "another checkpoint"));
}

absl::StatusOr<Json> ReadOptionalJson(const std::string& path) {
  if (!IsThere(path)) return Json(nullptr);
  return ReadConfigFile(path);
}

// "; did you mean runs/x/parent/step-00000800?": the last folder in it that is one.
std::string ModelInside(const std::string& folder) {
  const auto names = ListFolder(folder);
  if (!names.ok()) return "";
  for (auto name = names->rbegin(); name != names->rend(); ++name) {
    const std::string inside = JoinPath(folder, *name);
    if (IsThere(JoinPath(inside, "config.json")))
      return absl::StrCat("; did you mean ", inside, "?");
  }
  return "";
}

absl::Status CheckIsModelFolder(const std::string& folder) {
  if (!FolderExists(folder))
    return UserError(folder, absl::StrCat("no such folder; a Hugging Face T5 folder was expected",
                                          DidYouMeanPath(folder)));
  if (IsThere(JoinPath(folder, "config.json"))) return absl::OkStatus();
  return UserError(folder, absl::StrCat("no config.json; a Hugging Face T5 folder was expected",
                                        ModelInside(folder)));
}

}  // namespace

absl::StatusOr<HfModel> OpenHfFolder(const std::string& folder) {
  REGROUP_RETURN_IF_ERROR(CheckIsModelFolder(folder));
  HfModel model;
  model.folder = folder;
  const std::string config_path = JoinPath(folder, "config.json");
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadConfigFile(config_path));
  REGROUP_ASSIGN_OR_RETURN(model.config, T5ConfigFromJson(json, config_path));
  REGROUP_ASSIGN_OR_RETURN(const WeightFiles files, FindWeightFiles(folder));
  REGROUP_ASSIGN_OR_RETURN(FolderWeights all, ReadWeightFiles(files));
  DropAliases(all);
  DecideTying(json, all.tensors, model.config);
  REGROUP_RETURN_IF_ERROR(CheckSlots(model.config, all, files.place));
  model.weights = std::move(all.tensors);
  REGROUP_ASSIGN_OR_RETURN(model.generation_config,
                           ReadOptionalJson(JoinPath(folder, "generation_config.json")));
  const std::string provenance = JoinPath(folder, "regroup.json");
  REGROUP_ASSIGN_OR_RETURN(model.provenance, ReadOptionalJson(provenance));
  if (!model.provenance.is_null() && !model.provenance.is_object())
    return UserError(provenance, "expected a JSON object, as regroup writes it; remove the file");
  return model;
}

absl::StatusOr<HfModel> LoadHfFolder(const std::string& folder) {
  REGROUP_RETURN_IF_ERROR(CheckIsModelFolder(folder));
  if (FileExists(JoinPath(folder, kManifestName))) REGROUP_RETURN_IF_ERROR(VerifyManifest(folder));
  REGROUP_ASSIGN_OR_RETURN(HfModel model, OpenHfFolder(folder));
  for (auto& [name, tensor] : model.weights) tensor = tensor.contiguous();
  REGROUP_RETURN_IF_ERROR(CheckFinite(model.weights, folder));
  return model;
}

absl::StatusOr<T5Config> LoadHfConfig(const std::string& folder) {
  REGROUP_RETURN_IF_ERROR(CheckIsModelFolder(folder));
  const std::string config_path = JoinPath(folder, "config.json");
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadConfigFile(config_path));
  REGROUP_ASSIGN_OR_RETURN(T5Config config, T5ConfigFromJson(json, config_path));
  const absl::StatusOr<WeightFiles> files = FindWeightFiles(folder);
  if (!files.ok()) return config;
  REGROUP_ASSIGN_OR_RETURN(FolderWeights all, ReadWeightFiles(*files));
  DropAliases(all);
  REGROUP_RETURN_IF_ERROR(ListProblems(all.problems, files->place));
  DecideTying(json, all.tensors, config);
  return config;
}

}  // namespace regroup
