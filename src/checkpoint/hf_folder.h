// Hugging Face folders <-> (T5Config, StateDict). One name table both ways; left-over, missing,
// misshaped tensors are one error with the whole list. Used by convert's callers, pipeline, decode,
// cli.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/json.h"
#include "core/status.h"
#include "model/model_config.h"
#include "model/state_dict.h"
#include "text/tokenizer.h"

namespace regroup {

struct HfModel {
  T5Config config;
  StateDict weights;       // on the mapped file or in memory, the file's dtype
  Json generation_config;  // null if absent
  Json provenance;         // regroup.json, null if absent
  std::string folder;
};

// config.json <-> T5Config, Hugging Face's defaults for absent fields (contract: tie flags,
// kv_heads).
absl::StatusOr<T5Config> T5ConfigFromJson(const Json& json, const std::string& place);
Json T5ConfigToJson(const T5Config& config, const std::string& torch_dtype);

// Reads config.json and model.safetensors or pytorch_model.bin, or shards of either with their
// index; safetensors first. Unreadable shards and missing, left-over, misshaped and duplicated
// tensors are one UserError with the whole list; NaN or infinite weights: UserError naming the
// tensors. Weights are contiguous; they may lie on the read-only mapping of the file: clone before
// writing to them. Whether the head is tied is decided by the tensors: lm_head.weight beside a
// different shared.weight is untied whatever the flags say.
absl::StatusOr<HfModel> LoadHfFolder(const std::string& folder);
// config.json alone (inspect, plan); the headers of the weight files, where there are any, say
// whether the head is tied.
absl::StatusOr<T5Config> LoadHfConfig(const std::string& folder);

struct HfSave {
  const T5Config* config = nullptr;
  const StateDict* weights = nullptr;
  const Tokenizer* tokenizer = nullptr;                 // its files are copied; may be null
  Json generation_config;                               // null: a default one is written
  Json provenance;                                      // null: none
  std::map<std::string, std::string> extra_files = {};  // name -> content, beside the weights
  Json extra_config = Json::object();                   // fields that config.json has besides
  std::string source_folder = {};  // where the weights came from: never overwritten; may be empty
};
// Fills an existing folder; call inside PublishFolder. The same content gives the same bytes.
absl::Status WriteHfFolder(const std::string& folder, const HfSave& save);
// Publishes a new folder (CheckNewFolder in folder_target.h says which targets are refused). Kill
// -9 at any moment leaves the target as it was or complete.
absl::Status SaveHfFolder(const std::string& folder, const HfSave& save, bool overwrite = false);

// Hash over all tensors' names, dtypes, shapes and bytes: the identity of weights in provenance and
// tests.
std::string HashWeights(const StateDict& weights);

}  // namespace regroup
