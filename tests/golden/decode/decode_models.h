// The models of make_decode_golden.py: config and weights by formula. Both goldens of this folder
// use them.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "core/json.h"
#include "golden/formula.h"
#include "model/model_config.h"
#include "model/state_dict.h"
#include "model/t5.h"

namespace regroup {

inline T5Config ReadConfig(const Json& json) {
  T5Config c;
  c.vocab_size = json["vocab_size"];
  c.d_model = json["d_model"];
  c.d_kv = json["d_kv"];
  c.d_ff = json["d_ff"];
  c.num_layers = json["num_layers"];
  c.num_decoder_layers = json["num_decoder_layers"];
  c.num_heads = json["num_heads"];
  c.feed_forward = json["gated"].get<bool>() ? "gated-gelu" : "relu";
  c.tied_embeddings = json["tied"];
  c.scale_decoder_outputs = json["tied"];
  c.kv_heads.encoder_self = json["kv_heads"]["encoder_self"].get<std::vector<int64_t>>();
  c.kv_heads.decoder_self = json["kv_heads"]["decoder_self"].get<std::vector<int64_t>>();
  c.kv_heads.cross = json["kv_heads"]["cross"].get<std::vector<int64_t>>();
  return c;
}

inline StateDict FormulaWeights(const Json& json, const T5Config& config) {
  StateDict weights;
  const std::string prefix = json["name"].get<std::string>() + "/";
  for (const TensorSpec& spec : LayerTable(config)) {
    const double spread = json["spreads"].at(spec.name);
    weights[spec.name] = spread == 0 ? golden::Tensor(prefix + spec.name, spec.shape, 0.2, 1.0)
                                     : golden::Tensor(prefix + spec.name, spec.shape, spread);
  }
  at::Tensor& head = weights[config.tied_embeddings ? "shared.weight" : "lm_head.weight"];
  head[1].copy_(head[json["eos_like"].get<int64_t>()] * 1.125);
  return weights;
}

}  // namespace regroup
