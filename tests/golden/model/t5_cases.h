// C++ twin of t5_reference.py and of the cases in make_model_golden.py: the tiny models and batches
// whose outputs the golden files hold.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <vector>

#include "data/batch.h"
#include "golden/formula.h"
#include "model/t5.h"

namespace regroup::golden {

struct Case {
  std::string name;
  T5Config config;
  double z_loss = 0;
  std::vector<int64_t> source_lengths;
  std::vector<int64_t> target_lengths;
};

inline T5Config TinyConfig(const std::string& feed_forward, int64_t d_ff, int64_t layers,
                           int64_t decoder_layers) {
  T5Config c;
  c.vocab_size = 60;
  c.d_model = 32;
  c.d_kv = 6;
  c.num_heads = 4;
  c.d_ff = d_ff;
  c.num_layers = layers;
  c.num_decoder_layers = decoder_layers;
  c.feed_forward = feed_forward;
  c.tied_embeddings = c.scale_decoder_outputs = feed_forward == "relu";
  c.relative_attention_num_buckets = 8;
  c.relative_attention_max_distance = 20;
  c.SetMultiHead();
  return c;
}

inline Case V10() {
  Case c{"v10", TinyConfig("relu", 28, 1, 2), 0, {211, 3, 37, 1}, {5, 40, 1, 19}};
  c.config.relative_attention_num_buckets = 32;
  c.config.relative_attention_max_distance = 128;
  return c;
}

inline Case V11() {
  return {"v11", TinyConfig("gated-gelu", 24, 2, 1), 0.01, {9, 150, 64}, {33, 2, 12}};
}

inline Case Grouped() {
  Case c{"grouped", TinyConfig("gated-gelu", 24, 2, 2), 0, {40, 7, 21}, {6, 25, 11}};
  c.config.kv_heads = {{2, 4}, {1, 2}, {2, 1}};
  return c;
}

// A relative bias in every layer; more encoder than decoder layers.
inline Case Umt5() {
  Case c{"umt5", TinyConfig("gated-gelu", 20, 3, 2), 0, {30, 4, 17}, {5, 19, 8}};
  c.config.family = "umt5";
  c.config.kv_heads = {{4, 4, 4}, {2, 1}, {1, 2}};
  return c;
}

inline StateDict FormulaWeights(const Case& c) {
  StateDict weights;
  for (const TensorSpec& spec : LayerTable(c.config)) {
    double scale = spec.init_std * std::sqrt(3.0), offset = 0;
    if (spec.init_std == 0) scale = 0.2, offset = 1.0;
    if (spec.name.find("relative_attention_bias") != std::string::npos) scale = 1.2;
    if (spec.name == "lm_head.weight") scale *= 2;
    weights[spec.name] = Tensor(c.name + "/" + spec.name, spec.shape, scale, offset);
  }
  return weights;
}

inline StateDict Converted(const StateDict& weights, at::ScalarType type) {
  StateDict out;
  for (const auto& [name, tensor] : weights) out[name] = tensor.detach().to(type, false, true);
  return out;
}

inline Example FormulaExample(const Case& c, size_t row) {
  const std::string at = "/" + std::to_string(row);
  Example example;
  example.position = row;
  example.input_ids = Ids(c.name + "/source" + at, c.source_lengths[row], 0, c.config.vocab_size);
  example.target_ids = Ids(c.name + "/target" + at, c.target_lengths[row], 0, c.config.vocab_size);
  return example;
}

inline BatchTensors FormulaBatch(const Case& c) {
  std::vector<Example> examples;
  for (size_t row = 0; row < c.source_lengths.size(); ++row) {
    examples.push_back(FormulaExample(c, row));
  }
  return ToTensors(Collate(examples), c.config, at::kCPU);
}

// Largest difference over the root mean square of `expected`.
inline double RelativeDifference(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor want = expected.to(at::kDouble);
  const at::Tensor difference = (found.detach().to(at::kDouble) - want).abs().max();
  return (difference / want.square().mean().sqrt()).item<double>();
}

}  // namespace regroup::golden
