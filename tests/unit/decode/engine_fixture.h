// Small models, rows, and the logits of both ways through the decoder: the engine's, step by step
// over its caches, and the full forward pass of `model`. For the tests of the engine.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/random.h"
#include "decode/engine.h"
#include "model/t5.h"

namespace regroup {

using Ids = std::vector<int32_t>;

struct Shape {
  std::string name;
  bool v11;
  KvHeads kv_heads;
  std::string family = "t5";
};

inline T5Config MakeConfig(const Shape& shape) {
  T5Config c;
  c.vocab_size = 128;
  c.d_model = 32;
  c.d_kv = 8;
  c.d_ff = 40;
  c.num_layers = 2;
  c.num_decoder_layers = 2;
  c.num_heads = 8;
  c.feed_forward = shape.v11 ? "gated-gelu" : "relu";
  c.tied_embeddings = c.scale_decoder_outputs = !shape.v11;
  c.kv_heads = shape.kv_heads;
  c.family = shape.family;
  return c;
}

inline StateDict MakeWeights(const T5Config& config) {
  StateDict weights = InitializeWeights(config, 7);
  for (auto& [name, tensor] : weights) {
    if (tensor.dim() == 1) tensor = tensor + 0.1 * at::arange(tensor.size(0)) / tensor.size(0);
    if (name.find("Attention") != std::string::npos) tensor = tensor * 2.0;
  }
  return weights;
}

inline std::vector<Ids> MakeRows(const std::vector<int64_t>& lengths, uint64_t seed) {
  std::vector<Ids> rows;
  CounterRng rng(seed, RandomPurpose::kTest, 0);
  for (const int64_t length : lengths) {
    Ids row;
    for (int64_t i = 0; i < length; ++i) row.push_back(static_cast<int32_t>(2 + rng.Below(126)));
    rows.push_back(row);
  }
  return rows;
}

inline std::vector<Hypothesis> Decode(const Engine& engine, const std::vector<Ids>& sources,
                                      int64_t max_length, const DecodeConfig& options = {}) {
  auto result = engine.Generate(sources, max_length, options, nullptr);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

// A model in which the rows of a batch end at different steps: EOS takes the place of a frequent
// token.
struct EndingModel {
  T5Config config;
  StateDict weights;
  std::vector<Ids> sources = MakeRows({3, 40, 3, 7, 19, 19, 64, 2, 5, 33, 11, 90}, 5);

  explicit EndingModel(const KvHeads& heads = {{8, 8}, {2, 2}, {2, 2}})
      : config(MakeConfig({"", true, heads})), weights(MakeWeights(config)) {
    at::Tensor& head = weights["lm_head.weight"];
    head = head * 6.0;
    const auto engine = Engine::Create(config, weights, at::kFloat);
    std::vector<int64_t> rows_with(static_cast<size_t>(config.vocab_size), 0);
    for (const Hypothesis& h : Decode(*engine, sources, 24)) {
      std::vector<bool> seen(rows_with.size());
      for (size_t t = 2; t < h.ids.size(); ++t) seen[static_cast<size_t>(h.ids[t])] = true;
      for (size_t v = 2; v < seen.size(); ++v) rows_with[v] += seen[v];
    }
    const auto frequent = std::max_element(rows_with.begin(), rows_with.end()) - rows_with.begin();
    head[1].copy_(head[frequent] * 1.05);
  }
};

inline DecodeConfig Beams(int64_t beams) {
  DecodeConfig options;
  options.beams = beams;
  options.n_best = beams;
  return options;
}

struct LogitsPair {
  at::Tensor cached, full;
};

// Logits of the cached decoder and of the full forward pass on the same rows.
inline LogitsPair BothLogits(const T5Config& config, const StateDict& weights,
                             at::ScalarType compute) {
  const std::vector<Ids> sources = MakeRows({1, 5, 5, 170, 12}, 3);
  const std::vector<Ids> targets = MakeRows({150, 150, 150, 150, 150}, 4);
  std::vector<Example> examples;
  for (size_t i = 0; i < sources.size(); ++i) examples.push_back({i, "", sources[i], targets[i]});
  const BatchTensors batch = ToTensors(Collate(examples), config, at::kCPU);
  const c10::InferenceMode inference;
  StateDict masters;
  for (const auto& [name, tensor] : weights) {
    masters[name] = tensor.to(compute == at::kDouble ? at::kDouble : at::kFloat);
  }
  const T5Model model(config, masters, compute);
  const auto engine = Engine::Create(config, weights, compute);
  return {engine->ForcedLogits(sources, batch.target_in_bt).to(at::kDouble),
          model.DecodeLogits(model.Encode(batch), batch).to(at::kDouble)};
}

inline double RelativeError(const LogitsPair& pair) {
  const double rms = pair.full.square().mean().sqrt().item<double>();
  return (pair.cached - pair.full).abs().max().item<double>() / rms;
}

}  // namespace regroup
