// The table of layers, and fresh weights by its law.
#include "model/state_dict.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/random.h"

namespace regroup {
namespace {

constexpr int64_t kBlock = 4096;  // elements drawn from one counter

class TableBuilder {
 public:
  explicit TableBuilder(const T5Config& config) : c_(config), d_(config.d_model) {}

  void Add(std::string name, std::vector<int64_t> shape, double std) {
    table_.push_back({std::move(name), std::move(shape), std * c_.initializer_factor});
  }
  void Norm(std::string name) { table_.push_back({std::move(name), {d_}, 0}); }

  void Attention(const std::string& prefix, int64_t kv_heads) {
    const int64_t inner = c_.inner_width(), kv = kv_heads * c_.d_kv;
    Add(prefix + ".q.weight", {inner, d_}, Power(d_ * c_.d_kv));
    Add(prefix + ".k.weight", {kv, d_}, Power(d_));
    Add(prefix + ".v.weight", {kv, d_}, Power(d_));
    Add(prefix + ".o.weight", {d_, inner}, Power(inner));
  }

  void FeedForward(const std::string& prefix) {
    if (c_.gated()) {
      Add(prefix + ".wi_0.weight", {c_.d_ff, d_}, Power(d_));
      Add(prefix + ".wi_1.weight", {c_.d_ff, d_}, Power(d_));
    } else {
      Add(prefix + ".wi.weight", {c_.d_ff, d_}, Power(d_));
    }
    Add(prefix + ".wo.weight", {d_, c_.d_ff}, Power(c_.d_ff));
  }

  void RelativeBias(bool decoder, int64_t layer) {
    if (c_.bias_layer(layer) != layer) return;
    Add(RelativeBiasName(decoder, layer), {c_.relative_attention_num_buckets, c_.num_heads},
        Power(d_));
  }

  void EncoderLayer(int64_t layer) {
    Norm(NormName(false, layer, 0));
    Attention(EncoderSelfPrefix(layer), c_.kv_heads.encoder_self[static_cast<size_t>(layer)]);
    RelativeBias(false, layer);
    Norm(NormName(false, layer, 1));
    FeedForward(FeedForwardPrefix(false, layer));
  }

  void DecoderLayer(int64_t layer) {
    Norm(NormName(true, layer, 0));
    Attention(DecoderSelfPrefix(layer), c_.kv_heads.decoder_self[static_cast<size_t>(layer)]);
    RelativeBias(true, layer);
    Norm(NormName(true, layer, 1));
    Attention(CrossPrefix(layer), c_.kv_heads.cross[static_cast<size_t>(layer)]);
    Norm(NormName(true, layer, 2));
    FeedForward(FeedForwardPrefix(true, layer));
  }

  std::vector<TensorSpec> Build() {
    Add("shared.weight", {c_.vocab_size, d_}, 1.0);
    for (int64_t i = 0; i < c_.num_layers; ++i) EncoderLayer(i);
    Norm("encoder.final_layer_norm.weight");
    for (int64_t i = 0; i < c_.num_decoder_layers; ++i) DecoderLayer(i);
    Norm("decoder.final_layer_norm.weight");
    if (!c_.tied_embeddings) Add("lm_head.weight", {c_.vocab_size, d_}, Power(d_));
    return std::move(table_);
  }

 private:
  static double Power(int64_t n) { return 1.0 / std::sqrt(static_cast<double>(n)); }

  const T5Config& c_;
  int64_t d_;
  std::vector<TensorSpec> table_;
};

std::string BlockName(bool decoder, int64_t layer, int64_t sublayer) {
  return absl::StrCat(decoder ? "decoder" : "encoder", ".block.", layer, ".layer.", sublayer);
}

uint64_t HashName(const std::string& name) {  // FNV-1a
  uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

at::Tensor NormalTensor(const TensorSpec& spec, uint64_t seed) {
  at::Tensor tensor = at::empty(spec.shape, at::kFloat);
  float* out = tensor.mutable_data_ptr<float>();
  const int64_t n = tensor.numel();
  const uint64_t key = HashName(spec.name);
  at::parallel_for(0, (n + kBlock - 1) / kBlock, 4, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      CounterRng rng(seed, RandomPurpose::kInitialize, key, static_cast<uint32_t>(block));
      const int64_t last = std::min(n, (block + 1) * kBlock);
      for (int64_t i = block * kBlock; i < last; ++i) {
        out[i] = static_cast<float>(rng.Normal() * spec.init_std);
      }
    }
  });
  return tensor;
}

}  // namespace

std::string EncoderSelfPrefix(int64_t layer) {
  return BlockName(false, layer, 0) + ".SelfAttention";
}
std::string DecoderSelfPrefix(int64_t layer) {
  return BlockName(true, layer, 0) + ".SelfAttention";
}
std::string CrossPrefix(int64_t layer) { return BlockName(true, layer, 1) + ".EncDecAttention"; }
std::string FeedForwardPrefix(bool decoder, int64_t layer) {
  return BlockName(decoder, layer, decoder ? 2 : 1) + ".DenseReluDense";
}
std::string NormName(bool decoder, int64_t layer, int64_t sublayer) {
  return BlockName(decoder, layer, sublayer) + ".layer_norm.weight";
}
std::string RelativeBiasName(bool decoder, int64_t layer) {
  return BlockName(decoder, layer, 0) + ".SelfAttention.relative_attention_bias.weight";
}

std::vector<AttentionPlace> AttentionPlaces(const KvHeads& kv_heads) {
  std::vector<AttentionPlace> places;
  const auto add = [&](const char* site, size_t layers, std::string (*prefix)(int64_t)) {
    for (int64_t layer = 0; layer < static_cast<int64_t>(layers); ++layer)
      places.push_back({site, layer, prefix(layer)});
  };
  add("encoder_self", kv_heads.encoder_self.size(), EncoderSelfPrefix);
  add("decoder_self", kv_heads.decoder_self.size(), DecoderSelfPrefix);
  add("cross", kv_heads.cross.size(), CrossPrefix);
  return places;
}

std::vector<std::string> GroupedAttentionNames(const T5Config& config) {
  KvHeads kv_heads = config.kv_heads;
  std::vector<std::string> names;
  for (const AttentionPlace& place : AttentionPlaces(kv_heads)) {
    if (kv_heads.Of(place.site)[static_cast<size_t>(place.layer)] == config.num_heads) continue;
    for (const char* part : {".q.weight", ".k.weight", ".v.weight", ".o.weight"})
      names.push_back(place.prefix + part);
  }
  return names;
}

const char* HeadName(const T5Config& config) {
  return config.tied_embeddings ? "shared.weight" : "lm_head.weight";
}

std::vector<TensorSpec> LayerTable(const T5Config& config) { return TableBuilder(config).Build(); }

StateDict InitializeWeights(const T5Config& config, uint64_t seed) {
  StateDict weights;
  for (const TensorSpec& spec : LayerTable(config)) {
    weights[spec.name] =
        spec.init_std == 0 ? at::ones(spec.shape, at::kFloat) : NormalTensor(spec, seed);
  }
  return weights;
}

}  // namespace regroup
