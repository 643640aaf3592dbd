// Properties of head merging: identity, recovery, passing through, and the same function after
// expansion.
#include "convert/regroup.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/t5.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;

T5Config TinyConfig(bool tied = false) {
  T5Config config;
  config.vocab_size = 32;
  config.d_model = 16;
  config.d_kv = 4;
  config.d_ff = 24;
  config.num_layers = 1;
  config.num_decoder_layers = 2;
  config.num_heads = 8;
  config.feed_forward = tied ? "relu" : "gated-gelu";
  config.tied_embeddings = config.scale_decoder_outputs = tied;
  config.SetMultiHead();
  return config;
}

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(),
                     a.nbytes()) == 0;
}

ConvertConfig How(const std::string& method, const Json& kv_heads) {
  ConvertConfig how;
  how.method = method;
  how.kv_heads = kv_heads;
  how.sites = {"encoder_self", "decoder_self", "cross"};
  return how;
}

Conversion MustRegroup(const T5Config& config, const StateDict& weights, const ConvertConfig& how) {
  auto result = Regroup(config, weights, how);
  REGROUP_CHECK(result.ok(), std::string(result.status().message()));
  return *std::move(result);
}

TEST(Regroup, AsManyGroupsAsHeadsIsABitwiseIdentityForEveryMethodAndType) {
  const T5Config config = TinyConfig();
  for (const char* method : {"mean", "first", "random"}) {
    for (const auto dtype : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
      StateDict weights = InitializeWeights(config, 1);
      for (auto& [name, tensor] : weights) tensor = tensor.to(dtype);
      const Conversion same = MustRegroup(config, weights, How(method, 8));
      EXPECT_EQ(same.config, config);
      for (const auto& [name, tensor] : weights)
        EXPECT_TRUE(SameBits(same.weights.at(name), tensor)) << method << name;
      const at::Tensor& k = weights.at(CrossPrefix(0) + ".k.weight");
      EXPECT_TRUE(SameBits(MeanPoolHeads(k, 8, 8), k));
      EXPECT_TRUE(SameBits(FirstHeads(k, 8, 8), k));
    }
  }
}

TEST(Regroup, OnlyKeysAndValuesOfNamedSitesChange) {
  const T5Config config = TinyConfig();
  const StateDict weights = InitializeWeights(config, 2);
  ConvertConfig how = How("mean", 2);
  how.sites = {"cross"};
  const Conversion result = MustRegroup(config, weights, how);
  EXPECT_EQ(result.report.tensors.size(), 4U);
  EXPECT_EQ(result.report.parameters_before - result.report.parameters_after, 4 * (8 - 2) * 4 * 16);
  for (const auto& [name, tensor] : weights) {
    const bool merged = name.find("EncDecAttention.k") != std::string::npos ||
                        name.find("EncDecAttention.v") != std::string::npos;
    EXPECT_EQ(result.weights.at(name).is_alias_of(tensor), !merged) << name;
    EXPECT_EQ(result.weights.at(name).size(0), merged ? 8 : tensor.size(0)) << name;
  }
}

TEST(Regroup, DuplicatedHeadsAreRecoveredExactly) {
  T5Config grouped = TinyConfig();
  grouped.kv_heads = {{2}, {4, 1}, {2, 2}};
  for (const auto dtype : {at::kFloat, at::kHalf, at::kBFloat16}) {
    StateDict weights = InitializeWeights(grouped, 3);
    for (auto& [name, tensor] : weights) tensor = tensor.to(dtype);
    const Conversion expanded = ExpandToMultiHead(grouped, weights);
    EXPECT_EQ(expanded.config, TinyConfig());
    for (const char* method : {"mean", "first"}) {
      const Json back = {{"encoder_self", 2}, {"decoder_self", {4, 1}}, {"cross", 2}};
      const Conversion again = MustRegroup(expanded.config, expanded.weights, How(method, back));
      EXPECT_EQ(again.config, grouped);
      for (const auto& [name, tensor] : weights)
        EXPECT_TRUE(SameBits(again.weights.at(name), tensor)) << name;
    }
  }
}

TEST(Regroup, AGroupedSourceIsGroupedFurther) {
  const T5Config config = TinyConfig();
  StateDict weights = InitializeWeights(config, 4);
  for (auto& [name, tensor] : weights) tensor = tensor.to(at::kDouble);
  const Conversion four = MustRegroup(config, weights, How("mean", 4));
  const Conversion two = MustRegroup(four.config, four.weights, How("mean", 2));
  const Conversion direct = MustRegroup(config, weights, How("mean", 2));
  EXPECT_EQ(two.config, direct.config);
  const std::string name = DecoderSelfPrefix(1) + ".v.weight";
  EXPECT_LT((two.weights.at(name) - direct.weights.at(name)).abs().max().item<double>(), 1e-15);
}

TEST(Regroup, MeansAreRoundedOnceToTheSourcesType) {
  // The mean is 1 + 2^-8 + 2^-30: by way of fp32 it would lose its last bit and round down to 1.
  const at::Tensor heads =
      at::tensor({2.0, 2.0, 0x1p-6, 0x1p-28}, at::kDouble).to(at::kBFloat16).view({4, 1});
  EXPECT_EQ(MeanPoolHeads(heads, 4, 1).item<double>(), 1.0 + 0x1p-7);
  EXPECT_EQ(MeanPoolHeads(-heads, 4, 1).item<double>(), -1.0 - 0x1p-7);
  EXPECT_EQ(heads.to(at::kDouble).mean().to(at::kBFloat16).item<double>(), 1.0)
      << "the control: ATen's cast rounds twice";
}

TEST(Regroup, RandomHeadsFollowTheInitializersLawAndTheSeed) {
  T5Config config = TinyConfig();
  config.d_model = 64;
  config.d_kv = 64;
  config.initializer_factor = 2.0;
  const StateDict weights = InitializeWeights(config, 5);
  ConvertConfig how = How("random", 4);
  how.seed = 7;
  const Conversion one = MustRegroup(config, weights, how);
  const Conversion same = MustRegroup(config, weights, how);
  how.seed = 8;
  const Conversion other = MustRegroup(config, weights, how);
  const std::string k = CrossPrefix(0) + ".k.weight", v = CrossPrefix(0) + ".v.weight";
  EXPECT_TRUE(SameBits(one.weights.at(k), same.weights.at(k)));
  EXPECT_FALSE(SameBits(one.weights.at(k), other.weights.at(k)));
  EXPECT_FALSE(SameBits(one.weights.at(k), one.weights.at(v)));
  const at::Tensor drawn = one.weights.at(k).to(at::kDouble);
  EXPECT_NEAR(drawn.std().item<double>(), 2.0 / 8.0, 0.006);  // 16,384 draws: 4 standard errors
  EXPECT_NEAR(drawn.mean().item<double>(), 0.0, 0.008);
}

TEST(Regroup, RefusesUnknownMethodsAndValuesThatOverflow) {
  const T5Config config = TinyConfig();
  StateDict weights = InitializeWeights(config, 6);
  EXPECT_THAT(std::string(Regroup(config, weights, How("meen", 2)).status().message()),
              HasSubstr("did you mean \"mean\""));
  weights[CrossPrefix(1) + ".v.weight"][0][0] = std::numeric_limits<float>::infinity();
  const absl::Status status = Regroup(config, weights, How("mean", 2)).status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_THAT(std::string(status.message()), HasSubstr(CrossPrefix(1) + ".v.weight"));
}

TEST(Regroup, TheReportSaysShapesMethodAndChecks) {
  const T5Config config = TinyConfig();
  const Conversion result = MustRegroup(config, InitializeWeights(config, 7), How("mean", 2));
  const std::string text = ConversionText(result.report);
  EXPECT_THAT(text, HasSubstr("[32, 16] -> [8, 16]  mean"));
  EXPECT_THAT(text, HasSubstr("bitwise identity"));
  EXPECT_EQ(ConversionJson(result.report)["tensors"].size(), 10U);  // 5 attentions, K and V
}

BatchTensors TwoRows() {
  BatchTensors batch;
  batch.source_ids_bs = at::arange(2, 14, at::kLong).view({2, 6});
  batch.source_mask_bs = at::ones({2, 6}, at::kBool);
  batch.source_mask_bs[1].slice(0, 4).fill_(false);
  batch.target_out_bt = at::arange(5, 15, at::kLong).view({2, 5});
  batch.target_in_bt =
      at::cat({at::zeros({2, 1}, at::kLong), batch.target_out_bt.slice(1, 0, 4)}, 1);
  batch.target_mask_bt = at::ones({2, 5}, at::kBool);
  batch.positions_b = {0, 1};
  batch.target_tokens = 10;
  return batch;
}

double LogitDifference(const T5Config& a, const StateDict& a_weights, const T5Config& b,
                       const StateDict& b_weights, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  StateDict left = a_weights, right = b_weights;
  for (auto* weights : {&left, &right}) {
    for (auto& [name, tensor] : *weights)
      tensor = tensor.to(type == at::kDouble ? at::kDouble : at::kFloat);
  }
  const T5Model one(a, left, type), two(b, right, type);
  const BatchTensors batch = TwoRows();
  const at::Tensor x = one.DecodeLogits(one.Encode(batch), batch),
                   y = two.DecodeLogits(two.Encode(batch), batch);
  return ((x - y).abs().max() / x.pow(2).mean().sqrt()).item<double>();
}

TEST(Regroup, TheExpandedModelComputesWhatTheGroupedModelComputes) {
  for (const bool tied : {false, true}) {
    T5Config config = TinyConfig(tied);
    StateDict weights = InitializeWeights(config, 8);
    ConvertConfig how =
        How("mean", {{"encoder_self", 4}, {"decoder_self", {1, 2}}, {"cross", {4, 2}}});
    const Conversion grouped = MustRegroup(config, weights, how);
    const Conversion expanded = ExpandToMultiHead(grouped.config, grouped.weights);
    EXPECT_LT(LogitDifference(grouped.config, grouped.weights, expanded.config, expanded.weights,
                              at::kDouble),
              1e-12);
    EXPECT_LT(LogitDifference(grouped.config, grouped.weights, expanded.config, expanded.weights,
                              at::kFloat),
              1e-5);
    // The controls: the unmerged parent, and heads expanded in strides instead of contiguous
    // groups.
    EXPECT_GT(LogitDifference(grouped.config, grouped.weights, config, weights, at::kDouble), 1e-3);
    StateDict strided = expanded.weights;
    const std::string v = CrossPrefix(0) + ".v.weight";
    strided[v] = grouped.weights.at(v).repeat({2, 1});
    EXPECT_GT(
        LogitDifference(grouped.config, grouped.weights, expanded.config, strided, at::kDouble),
        1e-3);
  }
}

}  // namespace
}  // namespace regroup
