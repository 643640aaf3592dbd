// Loads a folder the way training would and reports what it found.
#include "checkpoint/inspect_checkpoint.h"

#include <ATen/ATen.h>

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/hf_folder.h"
#include "checkpoint/manifest.h"
#include "checkpoint/run_checkpoint.h"
#include "checkpoint/tensor_file.h"
#include "core/files.h"
#include "core/log.h"

namespace regroup {
namespace {

Json Dtypes(const StateDict& weights) {
  Json counts = Json::object();
  for (const auto& [name, tensor] : weights) {
    const std::string dtype = TorchDtypeName(tensor.scalar_type());
    counts[dtype] = counts.value(dtype, 0) + 1;
  }
  return counts;
}

Json Tensors(const StateDict& weights) {
  Json list = Json::array();
  for (const auto& [name, tensor] : weights) {
    list.push_back({{"name", name},
                    {"shape", tensor.sizes().vec()},
                    {"dtype", TorchDtypeName(tensor.scalar_type())}});
  }
  return list;
}

Json KvHeadsJson(const KvHeads& heads) {
  return {{"encoder_self", heads.encoder_self},
          {"decoder_self", heads.decoder_self},
          {"cross", heads.cross}};
}

// K/V bytes per cached position, at the weights' own width, as the decoder keeps them.
Json KvBytes(const T5Config& config, const StateDict& weights) {
  const auto width = static_cast<int64_t>(weights.at("shared.weight").element_size());
  return {{"decoder_self", KvBytesPerPosition(config.kv_heads.decoder_self, config.d_kv, width)},
          {"cross", KvBytesPerPosition(config.kv_heads.cross, config.d_kv, width)}};
}

std::string Family(const T5Config& config) {
  return absl::StrCat(config.gated() ? "T5 1.1 (gated GELU" : "T5 1.0 (ReLU",
                      config.tied_embeddings ? ", head tied to the embedding)" : ", own head)");
}

void DescribeTokenizer(const std::string& folder, int64_t rows, Json& json) {
  json["tokenizer"] = nullptr;
  if (!HasTokenizer(folder)) {
    json["notes"].push_back("no tokenizer (spiece.model): rows must come as ids");
    return;
  }
  const auto tokenizer = Tokenizer::Load(folder);
  if (!tokenizer.ok()) {
    json["notes"].push_back(
        absl::StrCat("the tokenizer cannot be read: ", std::string(tokenizer.status().message())));
    return;
  }
  const int64_t size = (*tokenizer)->size();
  json["tokenizer"] = {{"size", size},
                       {"sentinels", (*tokenizer)->sentinels()},
                       {"fingerprint", (*tokenizer)->Fingerprint()}};
  if (size > rows) {
    json["notes"].push_back(absl::StrCat("the tokenizer has ", size, " ids, the embedding only ",
                                         rows, " rows: they do not belong together"));
  } else if (size < rows) {
    json["notes"].push_back(
        absl::StrCat(rows - size, " rows of the embedding stand for no piece (padding)"));
  }
}

absl::Status DescribeTraining(const std::string& folder, Json& json) {
  json["kind"] = "model";
  if (!FileExists(JoinPath(folder, kManifestName))) return absl::OkStatus();
  REGROUP_ASSIGN_OR_RETURN(const RunCheckpoint checkpoint, LoadRunCheckpoint(folder));
  json["kind"] = "training checkpoint";
  json["step"] = checkpoint.step;
  json["optimizer_tensors"] = checkpoint.optimizer.size();
  json["progress"] = checkpoint.progress;
  return absl::OkStatus();
}

std::string HeadsText(const Json& layers) {
  bool same = true;
  for (const Json& heads : layers) same = same && heads == layers[0];
  return same ? DumpJson(layers[0]) : DumpJson(layers);
}

}  // namespace

bool IsCheckpointFolder(const std::string& path) {
  return FileExists(JoinPath(path, "config.json"));
}

absl::StatusOr<Json> InspectCheckpoint(const std::string& folder) {
  Json json = {{"path", folder}};
  REGROUP_RETURN_IF_ERROR(DescribeTraining(folder, json));
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadHfFolder(folder));
  size_t bytes = 0;
  for (const auto& [name, tensor] : model.weights) bytes += tensor.nbytes();
  json["family"] = Family(model.config);
  json["config"] =
      T5ConfigToJson(model.config, TorchDtypeName(model.weights.at("shared.weight").scalar_type()));
  json["kv_heads"] = KvHeadsJson(model.config.kv_heads);
  json["kv_bytes_per_position"] = KvBytes(model.config, model.weights);
  json["parameters"] = CountParameters(model.config);
  json["dtype"] = Dtypes(model.weights);
  json["bytes"] = bytes;
  json["weights_hash"] = HashWeights(model.weights);
  json["tensors"] = Tensors(model.weights);
  json["provenance"] = model.provenance;
  json["notes"] = Json::array();
  DescribeTokenizer(folder, model.config.vocab_size, json);
  return json;
}

std::string InspectionText(const Json& json) {
  const Json& config = json["config"];
  std::vector<std::pair<std::string, std::string>> lines = {
      {"family", json["family"]},
      {"layers", absl::StrCat(DumpJson(config["num_layers"]), " encoder, ",
                              DumpJson(config["num_decoder_layers"]), " decoder")},
      {"widths", absl::StrCat("d_model ", DumpJson(config["d_model"]), ", d_ff ",
                              DumpJson(config["d_ff"]), ", ", DumpJson(config["num_heads"]),
                              " query heads of ", DumpJson(config["d_kv"]))},
      {"K/V heads", absl::StrCat("encoder self ", HeadsText(json["kv_heads"]["encoder_self"]),
                                 ", decoder self ", HeadsText(json["kv_heads"]["decoder_self"]),
                                 ", cross ", HeadsText(json["kv_heads"]["cross"]))},
      {"K/V bytes", absl::StrCat("per position: decoder self ",
                                 DumpJson(json["kv_bytes_per_position"]["decoder_self"]),
                                 ", cross ", DumpJson(json["kv_bytes_per_position"]["cross"]))},
      {"parameters", FormatCount(json["parameters"].get<int64_t>())},
      {"weights",
       absl::StrCat(json["tensors"].size(), " tensors, ", FormatBytes(json["bytes"].get<double>()),
                    ", ", DumpJson(json["dtype"]))},
      {"hash", json["weights_hash"]},
      {"vocabulary",
       absl::StrCat(DumpJson(config["vocab_size"]), " rows, tokenizer ",
                    json["tokenizer"].is_null() ? "absent" : DumpJson(json["tokenizer"]["size"]))}};
  if (json.contains("step")) lines.emplace_back("step", DumpJson(json["step"]));
  if (json.contains("progress")) lines.emplace_back("progress", DumpJson(json["progress"]));
  if (!json["provenance"].is_null()) lines.emplace_back("provenance", DumpJson(json["provenance"]));
  for (const Json& note : json["notes"]) lines.emplace_back("note", note.get<std::string>());
  std::string text =
      absl::StrCat(json["path"].get<std::string>(), ": ", json["kind"].get<std::string>(), "\n");
  for (const auto& [name, value] : lines)
    absl::StrAppend(&text, absl::StrFormat("  %-11s %s\n", name, value));
  return text;
}

}  // namespace regroup
