// T5Config: the shape of a T5, K/V heads per site and layer included. No LibTorch: recipe and plan
// read it too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/status.h"

namespace regroup {

// K/V heads of each layer at the three attention sites.
//   MHA  q q q q    GQA  q q q q    MQA  q q q q
//        | | | |         |/  |/          \ | | /
//        k k k k         k   k              k
struct KvHeads {
  std::vector<int64_t> encoder_self;  // one entry per encoder layer
  std::vector<int64_t> decoder_self;  // one entry per decoder layer
  std::vector<int64_t> cross;
  bool operator==(const KvHeads&) const = default;

  std::vector<int64_t>& Of(const std::string& site) {
    if (site == "encoder_self") return encoder_self;
    return site == "decoder_self" ? decoder_self : cross;
  }
};

struct T5Config {
  std::string family = "t5";  // t5 | mt5 | umt5: Hugging Face's model_type (ByT5 is a t5)
  int64_t vocab_size = 32128;
  int64_t d_model = 512;
  int64_t d_kv = 64;
  int64_t d_ff = 1024;
  int64_t num_layers = 8;
  int64_t num_decoder_layers = 8;
  int64_t num_heads = 6;
  int64_t relative_attention_num_buckets = 32;
  int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  double initializer_factor = 1.0;
  double dropout_rate = 0.1;
  std::string feed_forward = "gated-gelu";  // relu | gated-gelu (tanh form)
  bool tied_embeddings = false;             // lm_head is shared.weight
  bool scale_decoder_outputs = false;       // times d_model^-0.5 before the head
  int64_t pad_token_id = 0;
  int64_t eos_token_id = 1;
  int64_t decoder_start_token_id = 0;
  KvHeads kv_heads;
  bool operator==(const T5Config&) const = default;

  bool gated() const { return feed_forward != "relu"; }
  // umT5 has a table of relative biases in every layer; the others share the first layer's.
  bool bias_in_every_layer() const { return family == "umt5"; }
  // The layer whose table `layer` uses.
  int64_t bias_layer(int64_t layer) const { return bias_in_every_layer() ? layer : 0; }
  int64_t inner_width() const { return num_heads * d_kv; }
  // Fills kv_heads with num_heads everywhere (MHA).
  void SetMultiHead();
};

// Every contradiction of a config as one UserError at `place`.
absl::Status ValidateT5Config(const T5Config& config, const std::string& place);
int64_t CountParameters(const T5Config& config);
// Bytes of K and V per position of one site over all decoder layers, at `bytes_per_value`.
int64_t KvBytesPerPosition(const std::vector<int64_t>& kv_heads, int64_t d_kv,
                           int64_t bytes_per_value);

// Far above any T5, far below where products of sizes overflow.
inline constexpr int64_t kMostWidth = 1 << 20, kMostCount = 4096;

// What a recipe says under `model:` when it pre-trains from scratch (v1.1 by default).
struct ModelConfig {
  int64_t d_model = 512, d_kv = 64, d_ff = 1024, num_layers = 8, num_decoder_layers = 8,
          num_heads = 6;
  std::string feed_forward = "gated-gelu";
  bool tied_embeddings = false;
  double dropout_rate = 0.0;
  int64_t relative_attention_num_buckets = 32, relative_attention_max_distance = 128;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("d_model", "width of the residual stream").AtLeast(1).AtMost(kMostWidth), c.d_model);
    v(Field("d_kv", "width of a head").AtLeast(1).AtMost(kMostCount), c.d_kv);
    v(Field("d_ff", "width of the feed-forward layer").AtLeast(1).AtMost(kMostWidth), c.d_ff);
    v(Field("num_layers", "encoder layers").AtLeast(1).AtMost(kMostCount), c.num_layers);
    v(Field("num_decoder_layers", "decoder layers").AtLeast(1).AtMost(kMostCount),
      c.num_decoder_layers);
    v(Field("num_heads", "query heads").AtLeast(1).AtMost(kMostCount), c.num_heads);
    v(Field("feed_forward", "relu (v1.0) or gated-gelu (v1.1)").OneOf({"relu", "gated-gelu"}),
      c.feed_forward);
    v(Field("tied_embeddings", "share embedding and head (v1.0)"), c.tied_embeddings);
    v(Field("dropout_rate", "dropout while training").AtLeast(0).AtMost(0.99), c.dropout_rate);
    v(Field("relative_attention_num_buckets", "buckets of the relative position bias")
          .AtLeast(4)
          .AtMost(kMostCount),
      c.relative_attention_num_buckets);
    v(Field("relative_attention_max_distance", "distance of the last bucket").AtLeast(8),
      c.relative_attention_max_distance);
  }
};
// The full config for a vocabulary (rounded up to a multiple of 128, as T5's 32,100 -> 32,128).
T5Config MakeT5Config(const ModelConfig& model, int64_t tokenizer_size);

}  // namespace regroup
