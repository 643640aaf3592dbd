// The engine against `model` sublayer by sublayer: models of one layer in which every sublayer but
// the one in question adds nothing, because its output projection is zero.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "unit/decode/engine_fixture.h"

namespace regroup {
namespace {

constexpr double kTolerance = 1e-5;

struct Sublayer {
  std::string name;
  std::string own;                   // the tensor that makes it act
  std::vector<std::string> helpers;  // projections through which its effect reaches the logits
};

std::vector<Sublayer> Sublayers() {
  const std::string cross = CrossPrefix(0) + ".o.weight";
  return {{"self-attention", DecoderSelfPrefix(0) + ".o.weight", {}},
          {"cross-attention", cross, {}},
          {"feed-forward", FeedForwardPrefix(true, 0) + ".wo.weight", {}},
          {"encoder's self-attention", EncoderSelfPrefix(0) + ".o.weight", {cross}},
          {"encoder's feed-forward", FeedForwardPrefix(false, 0) + ".wo.weight", {cross}},
          {"encoder's final norm", "encoder.final_layer_norm.weight", {cross}},
          {"final norm", "decoder.final_layer_norm.weight", {}}};
}

std::vector<Shape> OneLayerShapes() {
  return {{"MHA", true, {{8}, {8}, {8}}},
          {"MHA v1.0", false, {{8}, {8}, {8}}},
          {"GQA", true, {{4}, {2}, {2}}},
          {"MQA", true, {{1}, {1}, {1}}}};
}

T5Config OneLayerConfig(const Shape& shape) {
  T5Config config = MakeConfig(shape);
  config.num_layers = config.num_decoder_layers = 1;
  return config;
}

// The weights with `own` times `factor`, and no other sublayer at work than `sublayer`.
StateDict OnlySublayer(const T5Config& config, const Sublayer& sublayer, double factor) {
  StateDict weights = MakeWeights(config);
  for (auto& [name, tensor] : weights) {
    const bool projection = name.ends_with(".o.weight") || name.ends_with(".wo.weight");
    const bool kept = name == sublayer.own || std::ranges::count(sublayer.helpers, name) > 0;
    if (projection && !kept) tensor = at::zeros_like(tensor);
    if (name == sublayer.own) tensor = tensor * factor;
  }
  return weights;
}

// Largest difference of a row's logits at a step over their size, in the root mean square.
double WorstStep(const at::Tensor& found_btv, const at::Tensor& want_btv) {
  const at::Tensor difference_bt = (found_btv - want_btv).square().mean(2).sqrt();
  return (difference_bt / want_btv.square().mean(2).sqrt()).max().item<double>();
}

TEST(Sublayers, EachAloneGivesTheLogitsOfTheModelAtEveryStepInFp32) {
  double worst = 0;
  for (const Shape& shape : OneLayerShapes()) {
    const T5Config config = OneLayerConfig(shape);
    for (const Sublayer& sublayer : Sublayers()) {
      const LogitsPair pair = BothLogits(config, OnlySublayer(config, sublayer, 1), at::kFloat);
      const double difference = WorstStep(pair.cached, pair.full);
      EXPECT_LE(difference, kTolerance) << shape.name << ", " << sublayer.name;
      worst = std::max(worst, difference);
    }
  }
  std::printf("  largest difference: %.1e of the logits\n", worst);
}

// Control: with a sublayer that is off by a thousandth in the engine the comparison must fail, and
// by far without it. So each model does show the sublayer it was made for.
TEST(Sublayers, ControlAnEngineWithASlightlyWrongSublayerFails) {
  double least = 1;
  for (const Shape& shape : OneLayerShapes()) {
    const T5Config config = OneLayerConfig(shape);
    for (const Sublayer& sublayer : Sublayers()) {
      const auto engine_at = [&](double factor) {
        return BothLogits(config, OnlySublayer(config, sublayer, factor), at::kFloat).cached;
      };
      const at::Tensor full =
          BothLogits(config, OnlySublayer(config, sublayer, 1), at::kFloat).full;
      const double wrong = WorstStep(engine_at(1.001), full);
      EXPECT_GT(wrong, 10 * kTolerance) << shape.name << ", " << sublayer.name;
      EXPECT_GT(WorstStep(engine_at(0), full), 0.1) << shape.name << ", " << sublayer.name;
      least = std::min(least, wrong);
    }
  }
  std::printf("  least difference of an engine wrong by 0.001: %.1e\n", least);
}

}  // namespace
}  // namespace regroup
