// Weights by name (Hugging Face's names), and the one table of layers that says which names and
// shapes a T5 has.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "model/model_config.h"
#include "ops/state_dict.h"

namespace regroup {

struct TensorSpec {
  std::string name;            // "decoder.block.0.layer.1.EncDecAttention.k.weight"
  std::vector<int64_t> shape;  // Hugging Face layout [out, in]
  double init_std = 0;         // normal with this std; 0 = ones (norms)
};

// Every tensor of a T5 of this shape, in the order of the forward pass. Aliases are not listed.
// [t5-numerics: HF modeling_t5]
std::vector<TensorSpec> LayerTable(const T5Config& config);

// Name prefixes of the sublayers, the single place where they are spelled.
std::string EncoderSelfPrefix(int64_t layer);  // "encoder.block.3.layer.0.SelfAttention"
std::string DecoderSelfPrefix(int64_t layer);
std::string CrossPrefix(int64_t layer);
std::string FeedForwardPrefix(bool decoder, int64_t layer);
std::string NormName(bool decoder, int64_t layer, int64_t sublayer);
std::string RelativeBiasName(bool decoder, int64_t layer);
// The attentions of a model: encoder, decoder self, cross; by layer.
struct AttentionPlace {
  std::string site;  // "encoder_self" | "decoder_self" | "cross"
  int64_t layer = 0;
  std::string prefix;
};
std::vector<AttentionPlace> AttentionPlaces(const KvHeads& kv_heads);
// q, k, v, o of the attentions with fewer K/V heads than query heads.
std::vector<std::string> GroupedAttentionNames(const T5Config& config);
const char* HeadName(const T5Config& config);  // the embedding's own name where they are tied

// Fresh fp32 weights by the table's law, keyed by (seed, name): independent of order. The head of
// untied models is drawn with std d_model^-0.5 (T5X's fan-in scale; Hugging Face's std of 1
// saturates the softmax at the start).
StateDict InitializeWeights(const T5Config& config, uint64_t seed);

}  // namespace regroup
