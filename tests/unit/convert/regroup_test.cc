// Properties of head merging: identity, recovery, passing through, and the same function after
// expansion.
#include "convert/regroup.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "convert/narrow.h"
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

at::Tensor Moments(std::vector<int64_t> shape, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const at::Tensor x = at::randn(shape, generator, at::kDouble);
  return at::matmul(x.transpose(-2, -1), x);
}

Statistics SomeStatistics(const T5Config& config, uint64_t seed) {
  const int64_t d = config.d_model, e = config.d_kv;
  Statistics statistics;
  const auto add = [&](const std::string& prefix) {
    statistics[prefix] = {Moments({2 * d, d}, seed),
                          Moments({config.num_heads, 2 * e, e}, seed + 1),
                          Moments({2 * d, d}, seed + 2)};
    seed += 3;
  };
  for (int64_t i = 0; i < config.num_layers; ++i) add(EncoderSelfPrefix(i));
  for (int64_t i = 0; i < config.num_decoder_layers; ++i) add(DecoderSelfPrefix(i));
  for (int64_t i = 0; i < config.num_decoder_layers; ++i) add(CrossPrefix(i));
  return statistics;
}

Conversion MustRegroup(const T5Config& config, const StateDict& weights, const ConvertConfig& how,
                       const Statistics* statistics = nullptr) {
  auto result = Regroup(config, weights, how, statistics);
  REGROUP_CHECK(result.ok(), std::string(result.status().message()));
  return *std::move(result);
}

TEST(Regroup, AsManyGroupsAsHeadsIsABitwiseIdentityForEveryMethodAndType) {
  const T5Config config = TinyConfig();
  const Statistics statistics = SomeStatistics(config, 8);
  for (const std::string& method : MergeMethodNames()) {
    for (const auto dtype : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
      StateDict weights = InitializeWeights(config, 1);
      for (auto& [name, tensor] : weights) tensor = tensor.to(dtype);
      const Conversion same = MustRegroup(config, weights, How(method, 8), &statistics);
      EXPECT_EQ(same.config, config);
      for (const auto& [name, tensor] : weights)
        EXPECT_TRUE(SameBits(same.weights.at(name), tensor)) << method << name;
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
  const auto mean = [](const at::Tensor& one_value_each) {
    const SharedHead by = MeanHead(one_value_each.to(at::kDouble).view({4, 1, 1}));
    return NarrowOnce(by.shared_ed, one_value_each.scalar_type()).item<double>();
  };
  EXPECT_EQ(mean(heads), 1.0 + 0x1p-7);
  EXPECT_EQ(mean(-heads), -1.0 - 0x1p-7);
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
  EXPECT_THAT(text, HasSubstr("finite"));
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

// Heads of K and V turned by any invertible matrices, their other sides turned back: the same
// function, other weights.
StateDict InAnotherGauge(const T5Config& config, StateDict weights) {
  at::Generator generator = at::detail::createCPUGenerator(9);
  const int64_t h = config.num_heads, e = config.d_kv;
  const auto turn = [&](const std::string& prefix) {
    for (const auto& [in, out] :
         {std::pair{".k.weight", ".q.weight"}, {".v.weight", ".o.weight"}}) {
      const at::Tensor a_hee =
          at::eye(e, at::kDouble) + 0.3 * at::randn({h, e, e}, generator, at::kDouble);
      const at::Tensor back_hee = at::linalg_inv(a_hee);
      at::Tensor &inside = weights.at(prefix + in), &outside = weights.at(prefix + out);
      inside = at::matmul(a_hee, inside.unflatten(0, {h, e})).flatten(0, 1);
      if (std::string(out) == ".q.weight") {
        outside = at::matmul(back_hee.transpose(1, 2), outside.unflatten(0, {h, e})).flatten(0, 1);
      } else {
        const at::Tensor o_hde = outside.unflatten(1, {h, e}).transpose(0, 1);
        outside = at::matmul(o_hde, back_hee).transpose(0, 1).flatten(1);
      }
    }
  };
  for (int64_t i = 0; i < config.num_layers; ++i) turn(EncoderSelfPrefix(i));
  for (int64_t i = 0; i < config.num_decoder_layers; ++i) turn(DecoderSelfPrefix(i));
  for (int64_t i = 0; i < config.num_decoder_layers; ++i) turn(CrossPrefix(i));
  return weights;
}

StateDict InDouble(StateDict weights) {
  for (auto& [name, tensor] : weights) tensor = tensor.to(at::kDouble);
  return weights;
}

TEST(Regroup, AGeneralGaugeChangesNothingInTheFunction) {
  const T5Config config = TinyConfig();
  const StateDict weights = InDouble(InitializeWeights(config, 10));
  const StateDict turned = InAnotherGauge(config, weights);
  EXPECT_LT(LogitDifference(config, weights, config, turned, at::kDouble), 1e-12);
  const std::string k = CrossPrefix(1) + ".k.weight";
  EXPECT_GT((weights.at(k) - turned.at(k)).abs().max().item<double>(), 0.01) << "the control";
}

TEST(Regroup, HeadsThatShareASubspaceConvertToTheSameFunction) {
  T5Config grouped = TinyConfig();
  grouped.kv_heads = {{2}, {1, 2}, {2, 1}};
  const StateDict weights = InDouble(InitializeWeights(grouped, 11));
  const Conversion expanded = ExpandToMultiHead(grouped, weights);
  const StateDict parent = InAnotherGauge(expanded.config, expanded.weights);
  const Json back = {{"encoder_self", 2}, {"decoder_self", {1, 2}}, {"cross", {2, 1}}};
  const Statistics statistics = SomeStatistics(expanded.config, 12);
  for (const char* method : {"svd", "covariance_svd"}) {
    const Conversion merged = MustRegroup(expanded.config, parent, How(method, back), &statistics);
    EXPECT_EQ(merged.config, grouped);
    EXPECT_LT(LogitDifference(merged.config, merged.weights, expanded.config, parent, at::kDouble),
              1e-9)
        << method;
    for (const SiteLoss& site : merged.report.losses) {
      EXPECT_LT(site.loss.key, 1e-20) << method << site.prefix;
      EXPECT_LT(site.loss.value, 1e-20) << method << site.prefix;
    }
  }
  const Conversion mean = MustRegroup(expanded.config, parent, How("mean", back), &statistics);
  EXPECT_GT(LogitDifference(mean.config, mean.weights, expanded.config, parent, at::kDouble), 1e-2)
      << "the control";
  EXPECT_GT(mean.report.losses.front().loss.key, 1e-3);
}

TEST(Regroup, AGroupedSourceIsMergedWithTheQueriesThatReadEachHead) {
  T5Config eight = TinyConfig();
  const StateDict weights = InDouble(InitializeWeights(eight, 13));
  const Statistics statistics = SomeStatistics(eight, 14);
  const Conversion four = MustRegroup(eight, weights, How("covariance_svd", 4), &statistics);
  const Conversion one =
      MustRegroup(four.config, four.weights, How("covariance_svd", 1), &statistics);
  const Conversion same = ExpandToMultiHead(one.config, one.weights);
  EXPECT_LT(LogitDifference(one.config, one.weights, same.config, same.weights, at::kDouble),
            1e-12);
  EXPECT_EQ(one.weights.at(CrossPrefix(0) + ".q.weight").sizes(), (std::vector<int64_t>{32, 16}));
}

TEST(Regroup, WeighingWithoutFittingStatisticsIsRefused) {
  const T5Config config = TinyConfig();
  const StateDict weights = InitializeWeights(config, 15);
  const auto message = [&](const Statistics* statistics) {
    return std::string(
        Regroup(config, weights, How("covariance_svd", 2), statistics).status().message());
  };
  EXPECT_THAT(message(nullptr), HasSubstr("regroup calibrate"));
  Statistics statistics = SomeStatistics(config, 16);
  statistics.erase(CrossPrefix(1));
  EXPECT_THAT(message(&statistics), HasSubstr(CrossPrefix(1)));
  T5Config wider = config;
  wider.d_model = 20;
  statistics = SomeStatistics(wider, 17);
  EXPECT_THAT(message(&statistics), HasSubstr("another shape"));
}

}  // namespace
}  // namespace regroup
