// Compact and expanded exports.
#include "pipeline/export_folder.h"

#include <ATen/ATen.h>

#include <cmath>
#include <memory>

#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"
#include "convert/regroup.h"

namespace regroup {
namespace {

bool IsMultiHead(const T5Config& config) {
  T5Config multi_head = config;
  multi_head.SetMultiHead();
  return config == multi_head;
}

std::string GroupedReadme() {
  return R"(# A grouped-query T5

In this folder several query heads share a key/value head, so `k.weight` and `v.weight` of some
attentions have fewer rows than in a stock T5: `kv_heads` in config.json has the number per site
(and layer where it differs), and `num_key_value_heads` stands beside it when decoder
self-attention and cross-attention agree. Query head j uses key/value head
j / (num_heads / kv_heads), rounded down.

Loads it: regroup (`regroup score`, `generate`, `evaluate`, `bench decode` with `--model` on this
folder).

Does not load it: stock transformers, CTranslate2 and other runtimes that know the multi-head T5
only; they stop at the shapes of `k.weight` and `v.weight`. For those write a plain multi-head T5
that computes the same function:

    regroup export --expand-kv --from <this folder> --to <new folder>
)";
}

Json Provenance(const HfModel& source, const std::string& form, const std::string& by) {
  Json json = source.provenance.is_object() ? source.provenance : Json::object();
  json["export"] = {
      {"form", form}, {"source", source.folder}, {"source_hash", HashWeights(source.weights)}};
  if (!by.empty()) json["export"]["by"] = by;
  return json;
}

// Loads the source, expanded if asked for, with a head that every transformers reads alike.
absl::StatusOr<HfModel> LoadForExport(const ExportFolderOptions& options, Json& notes) {
  REGROUP_ASSIGN_OR_RETURN(HfModel model, LoadHfFolder(options.from));
  const bool plain = options.expand_kv || IsMultiHead(model.config);
  model.provenance = Provenance(model, plain ? "multi-head" : "grouped", options.by);
  if (options.expand_kv) {
    Conversion expanded = ExpandToMultiHead(model.config, model.weights);
    model.config = std::move(expanded.config);
    model.weights = std::move(expanded.weights);
  }
  const std::string head = MakeHeadPortable(model.config, model.weights);
  if (!head.empty()) notes.push_back(head);
  return model;
}

}  // namespace

std::string MakeHeadPortable(T5Config& config, StateDict& weights) {
  if (config.tied_embeddings == config.scale_decoder_outputs) return "";
  const bool tied = config.tied_embeddings;
  const at::Tensor& head_vd = weights.at(tied ? "shared.weight" : "lm_head.weight");
  const double factor = tied ? 1.0 : 1.0 / std::sqrt(static_cast<double>(config.d_model));
  const at::Tensor portable =
      tied ? head_vd.clone() : (head_vd.to(at::kDouble) * factor).to(head_vd.scalar_type());
  weights["lm_head.weight"] = portable;
  config.tied_embeddings = config.scale_decoder_outputs = false;
  return tied ? "the head, tied but not scaled, was written as a tensor of its own: transformers 4 "
                "knows no such model"
              : "the scale of the decoder output was multiplied into lm_head.weight: transformers "
                "4 knows no own head with it";
}

absl::StatusOr<Json> ExportFolder(const ExportFolderOptions& options) {
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(options.to, options.from, options.overwrite));
  Json notes = Json::array();
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadForExport(options, notes));
  std::shared_ptr<const Tokenizer> tokenizer;
  if (HasTokenizer(options.from)) {
    REGROUP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(options.from));
  }
  const bool plain = IsMultiHead(model.config);
  HfSave save;
  save.config = &model.config;
  save.weights = &model.weights;
  save.tokenizer = tokenizer.get();
  save.generation_config = model.generation_config;
  save.provenance = model.provenance;
  save.source_folder = options.from;
  if (!plain) save.extra_files["README.md"] = GroupedReadme();
  REGROUP_RETURN_IF_ERROR(SaveHfFolder(options.to, save, options.overwrite));
  const Json config = T5ConfigToJson(model.config, "");
  return Json{{"from", options.from},
              {"to", options.to},
              {"form", plain ? "multi-head" : "grouped"},
              {"parameters", CountParameters(model.config)},
              {"kv_heads", plain ? Json(nullptr) : config["kv_heads"]},
              {"notes", notes}};
}

}  // namespace regroup
