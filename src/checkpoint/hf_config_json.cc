// config.json <-> T5Config with Hugging Face's defaults for absent fields (transformers,
// models/{t5,mt5,umt5}/configuration_*.py).
#include <map>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoint/hf_folder.h"

namespace regroup {
namespace {

// Claims of a file are refused before anything of that size is allocated.
constexpr int64_t kMostLayers = 10000;

constexpr char kSupported[] =
    "\"t5\" (T5 1.0, 1.1, LM-adapted, Flan-T5, ByT5), \"mt5\" or \"umt5\"";

// Reads typed fields of one JSON object; remembers every problem.
class ConfigReader {
 public:
  explicit ConfigReader(const Json& json) : json_(json) {}

  bool Has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }

  void Integer(const char* key, int64_t& value) {
    if (!Has(key)) return;
    const Json& field = json_[key];
    const Json& one = field.is_array() && field.size() == 1 ? field[0] : field;
    if (!one.is_number_integer()) return Wrong(key, "a whole number");
    value = one.get<int64_t>();
  }

  void Number(const char* key, double& value) {
    if (!Has(key)) return;
    if (!json_[key].is_number()) return Wrong(key, "a number");
    value = json_[key].get<double>();
  }

  void Text(const char* key, std::string& value) {
    if (!Has(key)) return;
    if (!json_[key].is_string()) return Wrong(key, "a text");
    value = json_[key].get<std::string>();
  }

  std::optional<bool> Flag(const char* key) {
    if (!Has(key)) return std::nullopt;
    if (json_[key].is_boolean()) return json_[key].get<bool>();
    Wrong(key, "true or false");
    return std::nullopt;
  }

  void Problem(const std::string& text) { problems_.push_back(text); }
  bool ok() const { return problems_.empty(); }
  absl::Status Result(const std::string& place) const {
    return ok() ? absl::OkStatus() : UserError(place, absl::StrJoin(problems_, "; "));
  }
  const Json& json() const { return json_; }

 private:
  void Wrong(const char* key, const char* expected) {
    Problem(absl::StrCat(key, ": found ", DumpJson(json_[key]), ", expected ", expected));
  }
  const Json& json_;
  std::vector<std::string> problems_;
};

// Reads "feed_forward_proj" and refuses activations of other families instead of computing
// something else.
void ReadFeedForward(ConfigReader& reader, T5Config& config) {
  reader.Text("feed_forward_proj", config.feed_forward);
  if (config.feed_forward == "gated-gelu_new") config.feed_forward = "gated-gelu";
  if (config.feed_forward != "relu" && config.feed_forward != "gated-gelu") {
    return reader.Problem(
        absl::StrCat("feed_forward_proj: found \"", config.feed_forward,
                     "\", expected \"relu\" (T5 1.0) or \"gated-gelu\" (T5 1.1, Flan)"));
  }
  std::string activation = config.gated() ? "gelu_new" : "relu";
  reader.Text("dense_act_fn", activation);
  const bool fits = config.gated() ? activation == "gelu_new" || activation == "gelu_pytorch_tanh"
                                   : activation == "relu";
  if (!fits) {
    reader.Problem(absl::StrCat("dense_act_fn: found \"", activation,
                                "\", which feed_forward_proj \"", config.feed_forward,
                                "\" does not use"));
  }
  if (reader.Flag("is_gated_act").value_or(config.gated()) != config.gated()) {
    reader.Problem("is_gated_act: contradicts feed_forward_proj");
  }
}

// One site of "kv_heads": G or [G per layer].
void ReadSite(ConfigReader& reader, const Json& json, const std::string& site,
              std::vector<int64_t>& heads) {
  const auto wrong = [&] {
    reader.Problem(absl::StrCat("kv_heads.", site, ": found ", DumpJson(json),
                                ", expected a number or a list of ", heads.size(),
                                " numbers (one per layer)"));
  };
  if (json.is_number_integer()) return heads.assign(heads.size(), json.get<int64_t>());
  if (!json.is_array() || json.size() != heads.size()) return wrong();
  for (size_t layer = 0; layer < heads.size(); ++layer) {
    if (!json[layer].is_number_integer()) return wrong();
    heads[layer] = json[layer].get<int64_t>();
  }
}

void ReadKvHeads(ConfigReader& reader, T5Config& config) {
  config.SetMultiHead();
  const Json& json = reader.json();
  if (reader.Has("num_key_value_heads")) {
    int64_t heads = config.num_heads;
    reader.Integer("num_key_value_heads", heads);
    if (heads < 1 || config.num_heads % heads != 0) {
      return reader.Problem(absl::StrCat("num_key_value_heads: found ", heads,
                                         ", expected a divisor of num_heads (", config.num_heads,
                                         ")"));
    }
    for (auto* site : {&config.kv_heads.decoder_self, &config.kv_heads.cross})
      site->assign(site->size(), heads);
  }
  if (!reader.Has("kv_heads")) return;
  if (!json["kv_heads"].is_object())
    return reader.Problem("kv_heads: expected {site: G or [G per layer]}");
  const KvHeads short_form = config.kv_heads;
  const std::map<std::string, std::vector<int64_t>*> sites = {
      {"encoder_self", &config.kv_heads.encoder_self},
      {"decoder_self", &config.kv_heads.decoder_self},
      {"cross", &config.kv_heads.cross}};
  for (const auto& [site, value] : json["kv_heads"].items()) {
    const auto found = sites.find(site);
    if (found == sites.end()) {
      reader.Problem(absl::StrCat("kv_heads: unknown site \"", site, "\"",
                                  DidYouMean(site, {"encoder_self", "decoder_self", "cross"})));
    } else {
      ReadSite(reader, value, site, *found->second);
    }
  }
  const bool contradiction = short_form.decoder_self != config.kv_heads.decoder_self ||
                             short_form.cross != config.kv_heads.cross;
  if (reader.Has("num_key_value_heads") && contradiction)
    reader.Problem("num_key_value_heads and kv_heads contradict each other");
}

// Untied and unscaled go together in every published T5; a head tensor in the file has the last
// word (LoadHfFolder). Only mT5's class has an untied head by default.
void ReadHeadFlags(ConfigReader& reader, T5Config& config) {
  const bool tie = reader.Flag("tie_word_embeddings").value_or(config.family != "mt5");
  config.scale_decoder_outputs = reader.Flag("scale_decoder_outputs").value_or(tie);
  config.tied_embeddings = tie && config.scale_decoder_outputs;
}

void ReadSizes(ConfigReader& reader, T5Config& config) {
  reader.Integer("vocab_size", config.vocab_size);
  reader.Integer("d_model", config.d_model);
  reader.Integer("d_kv", config.d_kv);
  reader.Integer("d_ff", config.d_ff);
  reader.Integer("num_layers", config.num_layers);
  config.num_decoder_layers = config.num_layers;
  reader.Integer("num_decoder_layers", config.num_decoder_layers);
  reader.Integer("num_heads", config.num_heads);
  reader.Integer("relative_attention_num_buckets", config.relative_attention_num_buckets);
  reader.Integer("relative_attention_max_distance", config.relative_attention_max_distance);
  for (const int64_t layers : {config.num_layers, config.num_decoder_layers}) {
    if (layers < 1 || layers > kMostLayers) {
      reader.Problem(absl::StrCat("num_layers, num_decoder_layers: found ", layers,
                                  ", expected 1 to ", kMostLayers));
    }
  }
}

// What absent fields mean: T5's class is a small 1.0, the other two are a small 1.1 (as T5Config
// is).
T5Config DefaultsOf(const std::string& family) {
  T5Config config;
  config.family = family;
  if (family == "t5") {
    config.d_ff = 2048;
    config.num_layers = 6;
    config.num_heads = 8;
    config.feed_forward = "relu";
  } else {
    config.vocab_size = 250112;
  }
  return config;
}

Json SiteJson(const std::vector<int64_t>& heads) {
  for (const int64_t g : heads) {
    if (g != heads.front()) return Json(heads);
  }
  return Json(heads.front());
}

void WriteKvHeads(const T5Config& config, Json& json) {
  T5Config multi_head = config;
  multi_head.SetMultiHead();
  if (config.kv_heads == multi_head.kv_heads) return;
  const Json self = SiteJson(config.kv_heads.decoder_self), cross = SiteJson(config.kv_heads.cross);
  if (self.is_number() && self == cross) json["num_key_value_heads"] = self;
  json["kv_heads"] = {{"encoder_self", SiteJson(config.kv_heads.encoder_self)},
                      {"decoder_self", self},
                      {"cross", cross}};
}

}  // namespace

absl::StatusOr<T5Config> T5ConfigFromJson(const Json& json, const std::string& place) {
  if (!json.is_object()) return UserError(place, "expected a JSON object with a T5's sizes");
  ConfigReader reader(json);
  std::string family = "t5";
  reader.Text("model_type", family);
  if (family != "t5" && family != "mt5" && family != "umt5") {
    return UserError(place,
                     absl::StrCat("model_type: found \"", family, "\", expected ", kSupported));
  }
  T5Config config = DefaultsOf(family);
  ReadSizes(reader, config);
  ReadFeedForward(reader, config);
  reader.Number("layer_norm_epsilon", config.layer_norm_epsilon);
  reader.Number("initializer_factor", config.initializer_factor);
  reader.Number("dropout_rate", config.dropout_rate);
  reader.Integer("pad_token_id", config.pad_token_id);
  reader.Integer("eos_token_id", config.eos_token_id);
  config.decoder_start_token_id = config.pad_token_id;
  reader.Integer("decoder_start_token_id", config.decoder_start_token_id);
  ReadHeadFlags(reader, config);
  REGROUP_RETURN_IF_ERROR(reader.Result(place));
  ReadKvHeads(reader, config);
  REGROUP_RETURN_IF_ERROR(reader.Result(place));
  REGROUP_RETURN_IF_ERROR(ValidateT5Config(config, place));
  return config;
}

Json T5ConfigToJson(const T5Config& config, const std::string& torch_dtype) {
  Json json = {
      {"architectures", {absl::AsciiStrToUpper(config.family) + "ForConditionalGeneration"}},
      {"model_type", config.family},
      {"is_encoder_decoder", true},
      {"vocab_size", config.vocab_size},
      {"d_model", config.d_model},
      {"d_kv", config.d_kv},
      {"d_ff", config.d_ff},
      {"num_layers", config.num_layers},
      {"num_decoder_layers", config.num_decoder_layers},
      {"num_heads", config.num_heads}};
  WriteKvHeads(config, json);
  json["relative_attention_num_buckets"] = config.relative_attention_num_buckets;
  json["relative_attention_max_distance"] = config.relative_attention_max_distance;
  json["feed_forward_proj"] = config.feed_forward;
  json["is_gated_act"] = config.gated();
  json["dense_act_fn"] = config.gated() ? "gelu_new" : "relu";
  json["layer_norm_epsilon"] = config.layer_norm_epsilon;
  json["initializer_factor"] = config.initializer_factor;
  json["dropout_rate"] = config.dropout_rate;
  json["tie_word_embeddings"] = config.tied_embeddings;
  json["scale_decoder_outputs"] = config.scale_decoder_outputs;
  json["pad_token_id"] = config.pad_token_id;
  json["eos_token_id"] = config.eos_token_id;
  json["decoder_start_token_id"] = config.decoder_start_token_id;
  json["use_cache"] = true;
  json["torch_dtype"] = torch_dtype;  // the name in transformers 4
  json["dtype"] = torch_dtype;        // and in transformers 5
  return json;
}

}  // namespace regroup
