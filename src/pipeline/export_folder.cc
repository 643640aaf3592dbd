// Compact and expanded exports.
#include "pipeline/export_folder.h"

#include <ATen/ATen.h>

#include <cmath>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"
#include "convert/regroup.h"

namespace regroup {

extern const char kEmbedded_modeling_regroup_t5[];  // modeling_regroup_t5.py

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

transformers (4.57 and 5) loads it with the class in modeling_regroup_t5.py, whose caches hold the
few key/value heads:

    from transformers import AutoModelForSeq2SeqLM
    model = AutoModelForSeq2SeqLM.from_pretrained("<this folder>", trust_remote_code=True)

regroup loads it as well (`regroup score`, `generate`, `evaluate`, `bench decode` with `--model` on
this folder).

Without trust_remote_code, transformers stops at the shapes of `k.weight` and `v.weight`, and so do
CTranslate2 and other runtimes that know the multi-head T5 only. For those write a plain multi-head
T5 that computes the same function:

    regroup export --expand-kv --from <this folder> --to <new folder>
)";
}

std::string CTranslate2Readme() {
  return R"(# A T5 for CTranslate2's converter under transformers 5

    ct2-transformers-converter --model <this folder> --output_dir <new folder>

The head of this model is its own and takes the decoder output unscaled. transformers 5 says
tie_word_embeddings of every T5, from which CTranslate2's converter concludes that the decoder output is
scaled by d_model^-0.5. So `lm_head.weight` was multiplied by d_model^0.5 here: converted under
transformers 5 the model computes what it should.

Use this folder for nothing else. transformers itself would compute wrong logits from it, and so
would CTranslate2 when converted under transformers 4; for both, export without `--for ctranslate2`.
)";
}

Json Provenance(const HfModel& source, const std::string& form, const std::string& by) {
  Json json = source.provenance.is_object() ? source.provenance : Json::object();
  json["export"] = {
      {"form", form}, {"source", source.folder}, {"source_hash", HashWeights(source.weights)}};
  if (!by.empty()) json["export"]["by"] = by;
  return json;
}

// head * factor, rounded once to the head's type.
at::Tensor Scaled(const at::Tensor& head_vd, double factor) {
  return (head_vd.to(at::kDouble) * factor).to(head_vd.scalar_type());
}

double RootOfWidth(const T5Config& config) {
  return std::sqrt(static_cast<double>(config.d_model));
}

std::string ScaleHeadForCTranslate2(const T5Config& config, StateDict& weights) {
  if (config.tied_embeddings) return "the head is tied: CTranslate2 needs no change of it";
  at::Tensor& head_vd = weights.at("lm_head.weight");
  head_vd = Scaled(head_vd, RootOfWidth(config));
  return "lm_head.weight was multiplied by d_model^0.5: convert this folder under transformers 5 "
         "and "
         "use it for nothing else (README.md)";
}

// What the folder holds besides weights and tokenizer.
void AddExtras(const T5Config& config, ExportTarget target, HfSave& save) {
  if (!IsMultiHead(config)) {
    save.extra_files = {{"README.md", GroupedReadme()},
                        {"modeling_regroup_t5.py", kEmbedded_modeling_regroup_t5}};
    save.extra_config["auto_map"] = {
        {"AutoModelForSeq2SeqLM",
         absl::StrCat("modeling_regroup_t5.Regroup", absl::AsciiStrToUpper(config.family),
                      "ForConditionalGeneration")}};
  } else if (target == ExportTarget::kCTranslate2 && !config.tied_embeddings) {
    save.extra_files = {{"README.md", CTranslate2Readme()}};
  }
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
  if (options.target == ExportTarget::kCTranslate2) {
    notes.push_back(ScaleHeadForCTranslate2(model.config, model.weights));
  }
  return model;
}

}  // namespace

std::string MakeHeadPortable(T5Config& config, StateDict& weights) {
  const bool tied = config.tied_embeddings, scaled = config.scale_decoder_outputs;
  const bool same_everywhere = tied == scaled && !(tied && config.family == "mt5");
  if (same_everywhere) return "";
  const at::Tensor& head_vd = weights.at(tied ? "shared.weight" : "lm_head.weight");
  const at::Tensor portable = scaled ? Scaled(head_vd, 1.0 / RootOfWidth(config)) : head_vd.clone();
  weights["lm_head.weight"] = portable;
  config.tied_embeddings = config.scale_decoder_outputs = false;
  if (!scaled) {
    return "the head, tied but not scaled, was written as a tensor of its own: transformers 4 "
           "knows "
           "no such model";
  }
  return "the scale of the decoder output was multiplied into lm_head.weight: transformers 4 and 5 "
         "do not read such a model alike";
}

absl::StatusOr<Json> ExportFolder(const ExportFolderOptions& options) {
  REGROUP_CHECK(options.expand_kv || options.target == ExportTarget::kTransformers);
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
  AddExtras(model.config, options.target, save);
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
