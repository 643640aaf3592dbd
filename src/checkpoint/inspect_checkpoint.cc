// The facts of a checkpoint as JSON; checkpoint_text.cc puts them into words.
#include "checkpoint/inspect_checkpoint.h"

#include <ATen/ATen.h>

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/hf_folder.h"
#include "checkpoint/manifest.h"
#include "checkpoint/open_folder.h"
#include "checkpoint/provenance.h"
#include "checkpoint/run_checkpoint.h"
#include "checkpoint/tensor_file.h"
#include "checkpoint/tensor_statistics.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "formats/safetensors.h"

namespace regroup {
namespace {

constexpr int64_t kByteVocabulary = 384;  // of every ByT5

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

Json KvBytesAt(const T5Config& config, int64_t width) {
  return {{"decoder_self", KvBytesPerPosition(config.kv_heads.decoder_self, config.d_kv, width)},
          {"cross", KvBytesPerPosition(config.kv_heads.cross, config.d_kv, width)}};
}

Json KvBytes(const T5Config& config) {
  const std::vector<int64_t> all(static_cast<size_t>(config.num_decoder_layers), config.num_heads);
  return {{"fp32", KvBytesAt(config, 4)},
          {"bf16", KvBytesAt(config, 2)},
          {"multi_head",
           {{"fp32", KvBytesPerPosition(all, config.d_kv, 4)},
            {"bf16", KvBytesPerPosition(all, config.d_kv, 2)}}}};
}

std::string Family(const T5Config& config) {
  const char* head = config.tied_embeddings ? "head tied to the embedding" : "own head";
  const char* feed_forward = config.gated() ? "gated GELU" : "ReLU";
  const std::string shape = absl::StrCat(" (", feed_forward, ", ", head, ")");
  if (config.family == "mt5") return "mT5" + shape;
  if (config.family == "umt5") return "umT5" + shape;
  if (config.vocab_size == kByteVocabulary) return "ByT5" + shape;
  return (config.gated() ? "T5 1.1 / Flan" : "T5 1.0") + shape;
}

// What the numbers of ids and of rows mean together.
std::string RowsNote(int64_t ids, int64_t rows) {
  if (ids > rows) {
    return absl::StrCat("warning: the tokenizer has ", FormatCount(ids),
                        " ids, the embedding only ", FormatCount(rows),
                        " rows: they do not belong together, and ids from ", rows,
                        " on are refused");
  }
  if (ids == rows) return absl::StrCat("every one of the ", FormatCount(rows), " rows has an id");
  return absl::StrCat(FormatCount(rows - ids), " rows of the embedding (ids ", ids, " to ",
                      rows - 1, ") stand for no piece: they fill the table up for the hardware ",
                      "and are never used");
}

void DescribeTokenizer(const std::string& folder, int64_t rows, Json& json) {
  json["tokenizer"] = nullptr;
  if (!HasTokenizer(folder)) {
    json["notes"].push_back("no tokenizer (spiece.model): rows must come as ids");
    return;
  }
  const auto tokenizer = Tokenizer::Load(folder);
  if (!tokenizer.ok()) {
    json["notes"].push_back(absl::StrCat("warning: the tokenizer cannot be read: ",
                                         std::string(tokenizer.status().message())));
    return;
  }
  json["tokenizer"] = {{"size", (*tokenizer)->size()},
                       {"sentinels", (*tokenizer)->sentinels()},
                       {"fingerprint", (*tokenizer)->Fingerprint()}};
  json["notes"].push_back(RowsNote((*tokenizer)->size(), rows));
}

// Reads every value once.
void DescribeValues(const HfModel& model, Json& json) {
  std::map<std::string, TensorStatistics> groups;
  std::map<std::string, int64_t> tensors;
  json["not_finite"] = Json::array();
  ProgressMeter meter(model.folder + ": reading", "tensors",
                      static_cast<int64_t>(model.weights.size()));
  for (const auto& [name, tensor] : model.weights) {
    const TensorStatistics found = StatisticsOf(tensor);
    groups[TensorGroup(name)].Merge(found);
    ++tensors[TensorGroup(name)];
    if (found.nan + found.infinite > 0)
      json["not_finite"].push_back(
          {{"name", name}, {"nan", found.nan}, {"infinite", found.infinite}});
    meter.Add(1);
  }
  json["values"] = Json::object();
  for (const auto& [group, found] : groups) {
    Json values = {{"tensors", tensors[group]}};
    values.update(StatisticsToJson(found));
    json["values"][group] = std::move(values);
  }
}

// What the ranges mean for the types that weights are kept in.
void NoteRanges(Json& json) {
  int64_t beyond = 0;
  double bf16_error = 0;
  for (const auto& [group, values] : json["values"].items()) {
    beyond += values["beyond_fp16"].get<int64_t>();
    bf16_error = std::max(bf16_error, values["bf16_error"].get<double>());
  }
  if (!json["not_finite"].empty())
    json["notes"].push_back(
        "warning: weights are NaN or infinite; convert, score and generate refuse this model");
  if (beyond > 0)
    json["notes"].push_back(absl::StrCat("warning: ", FormatCount(beyond),
                                         " values are beyond fp16 (65,504) and would become "
                                         "infinite there; bf16 and fp32 hold them"));
  json["notes"].push_back(
      bf16_error == 0
          ? std::string("bf16 holds every value exactly")
          : absl::StrFormat("rounded to bf16, weights change by %.2g %% (RMS, worst group)",
                            100 * bf16_error));
}

absl::Status DescribeTraining(const std::string& folder, Json& json) {
  json["kind"] = "model";
  if (!FileExists(JoinPath(folder, kManifestName))) return absl::OkStatus();
  REGROUP_RETURN_IF_ERROR(VerifyManifest(folder));
  const std::string progress_path = JoinPath(folder, "progress.json");
  if (!FileExists(progress_path)) return absl::OkStatus();  // a converted model of a run
  json["kind"] = "training checkpoint";
  REGROUP_ASSIGN_OR_RETURN(const Json progress, ReadConfigFile(progress_path));
  if (!progress.is_object()) return UserError(progress_path, "expected {\"step\", \"progress\"}");
  json["step"] = progress.value("step", Json());
  json["progress"] = progress.value("progress", Json());
  REGROUP_ASSIGN_OR_RETURN(const SafetensorsFile slots,
                           SafetensorsFile::Open(JoinPath(folder, kOptimizerFile)));
  size_t bytes = 0;
  for (const TensorEntry& entry : slots.entries()) bytes += entry.bytes;
  json["optimizer"] = {{"tensors", slots.entries().size()}, {"bytes", bytes}};
  return absl::OkStatus();
}

}  // namespace

bool IsCheckpointFolder(const std::string& path) {
  return FileExists(JoinPath(path, "config.json"));
}

absl::StatusOr<Json> InspectCheckpoint(const std::string& folder) {
  Json json = {{"path", folder}};
  REGROUP_RETURN_IF_ERROR(DescribeTraining(folder, json));
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, OpenHfFolder(folder));
  const T5Config& config = model.config;
  const at::Tensor& embedding = model.weights.at("shared.weight");
  size_t bytes = 0;
  for (const auto& [name, tensor] : model.weights) bytes += tensor.nbytes();
  json["family"] = Family(config);
  json["config"] = T5ConfigToJson(config, TorchDtypeName(embedding.scalar_type()));
  json["kv_heads"] = KvHeadsJson(config.kv_heads);
  json["kv_bytes_per_position"] = KvBytesAt(config, static_cast<int64_t>(embedding.element_size()));
  json["kv_bytes"] = KvBytes(config);
  json["parameters"] = CountParameters(config);
  json["dtype"] = Dtypes(model.weights);
  json["bytes"] = bytes;
  json["weights_hash"] = HashWeights(model.weights);
  json["tensors"] = Tensors(model.weights);
  json["provenance"] = model.provenance;
  json["history"] = ProvenanceChain(model.provenance);
  json["notes"] = Json::array();
  DescribeTokenizer(folder, config.vocab_size, json);
  DescribeValues(model, json);
  NoteRanges(json);
  return json;
}

}  // namespace regroup
