// Shapes of a T5: what is contradictory in a config, how many parameters it has, what its K/V cost.
#include "model/model_config.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

constexpr int64_t kMaxVocabulary = 1 << 30;

class Problems {
 public:
  void Require(bool holds, const std::string& message) {
    if (!holds) messages_.push_back(message);
  }
  void RequireRange(const char* name, int64_t value, int64_t low, int64_t high) {
    Require(value >= low && value <= high,
            absl::StrCat(name, " is ", value, ", expected ", low, " to ", high));
  }
  absl::Status ToStatus(const std::string& place) const {
    if (messages_.empty()) return absl::OkStatus();
    return UserError(place, absl::StrJoin(messages_, "; "));
  }

 private:
  std::vector<std::string> messages_;
};

void CheckSizes(const T5Config& c, Problems& p) {
  p.RequireRange("vocab_size", c.vocab_size, 2, kMaxVocabulary);
  p.RequireRange("d_model", c.d_model, 1, kMostWidth);
  p.RequireRange("d_kv", c.d_kv, 1, kMostCount);
  p.RequireRange("d_ff", c.d_ff, 1, kMostWidth);
  p.RequireRange("num_layers", c.num_layers, 1, kMostCount);
  p.RequireRange("num_decoder_layers", c.num_decoder_layers, 1, kMostCount);
  p.RequireRange("num_heads", c.num_heads, 1, kMostCount);
}

void CheckBuckets(const T5Config& c, Problems& p) {
  const int64_t buckets = c.relative_attention_num_buckets;
  p.RequireRange("relative_attention_num_buckets", buckets, 4, kMostCount);
  p.Require(buckets % 4 == 0, absl::StrCat("relative_attention_num_buckets is ", buckets,
                                           ", expected a multiple of 4 (two directions, each half "
                                           "exact and half logarithmic)"));
  p.Require(c.relative_attention_max_distance > buckets / 2,
            absl::StrCat("relative_attention_max_distance is ", c.relative_attention_max_distance,
                         ", expected more than half of relative_attention_num_buckets (",
                         buckets / 2, ")"));
}

void CheckKvHeads(const char* site, const std::vector<int64_t>& kv_heads, int64_t layers,
                  int64_t num_heads, Problems& p) {
  p.Require(static_cast<int64_t>(kv_heads.size()) == layers,
            absl::StrCat("kv_heads.", site, " has ", kv_heads.size(), " entries for ", layers,
                         " layers"));
  for (size_t i = 0; i < kv_heads.size(); ++i) {
    const int64_t g = kv_heads[i];
    p.Require(g >= 1 && num_heads >= 1 && num_heads % g == 0,
              absl::StrCat("kv_heads.", site, "[", i, "] is ", g,
                           ", expected a divisor of num_heads (", num_heads, ")"));
  }
}

void CheckToken(const char* name, int64_t id, int64_t vocab_size, Problems& p) {
  p.Require(id >= 0 && id < vocab_size,
            absl::StrCat(name, " is ", id, ", expected an id below vocab_size (", vocab_size, ")"));
}

int64_t AttentionParameters(const T5Config& c, int64_t kv_heads) {
  return 2 * c.d_model * (c.inner_width() + kv_heads * c.d_kv);
}

}  // namespace

void T5Config::SetMultiHead() {
  kv_heads.encoder_self.assign(static_cast<size_t>(num_layers), num_heads);
  kv_heads.decoder_self.assign(static_cast<size_t>(num_decoder_layers), num_heads);
  kv_heads.cross.assign(static_cast<size_t>(num_decoder_layers), num_heads);
}

absl::Status ValidateT5Config(const T5Config& c, const std::string& place) {
  Problems p;
  CheckSizes(c, p);
  CheckBuckets(c, p);
  CheckKvHeads("encoder_self", c.kv_heads.encoder_self, c.num_layers, c.num_heads, p);
  CheckKvHeads("decoder_self", c.kv_heads.decoder_self, c.num_decoder_layers, c.num_heads, p);
  CheckKvHeads("cross", c.kv_heads.cross, c.num_decoder_layers, c.num_heads, p);
  CheckToken("pad_token_id", c.pad_token_id, c.vocab_size, p);
  CheckToken("eos_token_id", c.eos_token_id, c.vocab_size, p);
  CheckToken("decoder_start_token_id", c.decoder_start_token_id, c.vocab_size, p);
  p.Require(c.family == "t5" || c.family == "mt5" || c.family == "umt5",
            absl::StrCat("model_type is \"", c.family, "\", expected t5, mt5 or umt5"));
  p.Require(c.feed_forward == "relu" || c.feed_forward == "gated-gelu",
            absl::StrCat("feed_forward_proj is \"", c.feed_forward,
                         "\", expected relu (T5 1.0) or gated-gelu (T5 1.1)"));
  p.Require(std::isfinite(c.layer_norm_epsilon) && c.layer_norm_epsilon >= 0,
            absl::StrCat("layer_norm_epsilon is ", c.layer_norm_epsilon, ", expected 0 or more"));
  p.Require(c.dropout_rate >= 0 && c.dropout_rate < 1,
            absl::StrCat("dropout_rate is ", c.dropout_rate, ", expected 0 or more and below 1"));
  p.Require(std::isfinite(c.initializer_factor) && c.initializer_factor > 0,
            absl::StrCat("initializer_factor is ", c.initializer_factor, ", expected more than 0"));
  return p.ToStatus(place);
}

int64_t CountParameters(const T5Config& c) {
  const int64_t feed_forward = (c.gated() ? 3 : 2) * c.d_model * c.d_ff;
  int64_t total = c.vocab_size * c.d_model * (c.tied_embeddings ? 1 : 2);
  for (const int64_t g : c.kv_heads.encoder_self) {
    total += AttentionParameters(c, g) + feed_forward + 2 * c.d_model;
  }
  for (const int64_t g : c.kv_heads.decoder_self) {
    total += AttentionParameters(c, g) + feed_forward + 3 * c.d_model;
  }
  for (const int64_t g : c.kv_heads.cross) total += AttentionParameters(c, g);
  const int64_t tables = c.bias_in_every_layer() ? c.num_layers + c.num_decoder_layers : 2;
  return total + 2 * c.d_model + tables * c.relative_attention_num_buckets * c.num_heads;
}

int64_t KvBytesPerPosition(const std::vector<int64_t>& kv_heads, int64_t d_kv,
                           int64_t bytes_per_value) {
  int64_t heads = 0;
  for (const int64_t g : kv_heads) heads += g;
  return 2 * heads * d_kv * bytes_per_value;
}

T5Config MakeT5Config(const ModelConfig& model, int64_t tokenizer_size) {
  T5Config c;
  c.vocab_size = (tokenizer_size + 127) / 128 * 128;
  c.d_model = model.d_model;
  c.d_kv = model.d_kv;
  c.d_ff = model.d_ff;
  c.num_layers = model.num_layers;
  c.num_decoder_layers = model.num_decoder_layers;
  c.num_heads = model.num_heads;
  c.relative_attention_num_buckets = model.relative_attention_num_buckets;
  c.relative_attention_max_distance = model.relative_attention_max_distance;
  c.dropout_rate = model.dropout_rate;
  c.feed_forward = model.feed_forward;
  c.tied_embeddings = model.tied_embeddings;
  c.scale_decoder_outputs = model.tied_embeddings;
  c.SetMultiHead();
  return c;
}

}  // namespace regroup
