// The engine against the full forward pass of `model`, and properties of greedy decoding.
#include "decode/engine.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "core/stop.h"
#include "unit/decode/engine_fixture.h"

namespace regroup {
namespace {

std::vector<Shape> Shapes() {
  return {{"MHA v1.1", true, {{8, 8}, {8, 8}, {8, 8}}},
          {"MHA v1.0", false, {{8, 8}, {8, 8}, {8, 8}}},
          {"GQA", true, {{8, 8}, {2, 2}, {2, 2}}},
          {"MQA", true, {{8, 8}, {1, 1}, {1, 1}}},
          {"MQA everywhere, v1.0", false, {{1, 1}, {1, 1}, {1, 1}}},
          {"another G in every layer", true, {{4, 2}, {8, 1}, {2, 4}}},
          {"umT5: a bias in every layer", true, {{8, 8}, {2, 1}, {2, 2}}, "umt5"}};
}

TEST(CachedDecoding, EqualsTheFullForwardPassInFp64) {
  for (const Shape& shape : Shapes()) {
    const T5Config config = MakeConfig(shape);
    EXPECT_LT(RelativeError(BothLogits(config, MakeWeights(config), at::kDouble)), 1e-10)
        << shape.name;
  }
}

TEST(CachedDecoding, EqualsTheFullForwardPassInFp32) {
  for (const Shape& shape : Shapes()) {
    const T5Config config = MakeConfig(shape);
    EXPECT_LT(RelativeError(BothLogits(config, MakeWeights(config), at::kFloat)), 1e-4)
        << shape.name;
  }
}

TEST(CachedDecoding, StaysNearTheFullForwardPassInBf16) {
  for (const Shape& shape : Shapes()) {
    const T5Config config = MakeConfig(shape);
    const LogitsPair pair = BothLogits(config, MakeWeights(config), at::kBFloat16);
    const double error = (pair.cached - pair.full).square().mean().sqrt().item<double>();
    EXPECT_LT(error / pair.full.square().mean().sqrt().item<double>(), 0.08) << shape.name;
  }
}

TEST(CachedDecoding, SeesAChangeOfASingleWeight) {
  const T5Config config = MakeConfig(Shapes()[2]);
  StateDict weights = MakeWeights(config);
  const LogitsPair before = BothLogits(config, weights, at::kDouble);
  for (const std::string& name :
       {EncoderSelfPrefix(1) + ".k.weight", DecoderSelfPrefix(0) + ".v.weight",
        CrossPrefix(1) + ".k.weight", FeedForwardPrefix(true, 1) + ".wi_1.weight",
        RelativeBiasName(true, 0), NormName(true, 1, 1)}) {
    StateDict changed = weights;
    changed[name] = changed[name] * 1.5;
    const LogitsPair after = BothLogits(config, changed, at::kDouble);
    EXPECT_GT(RelativeError({after.cached, before.full}), 1e-6) << name;
  }
}

TEST(Greedy, RowsDoNotDependOnTheirNeighbours) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kDouble);
  const std::vector<Hypothesis> together = Decode(*engine, m.sources, 24);
  std::vector<size_t> lengths;
  for (size_t i = 0; i < m.sources.size(); ++i) {
    const Hypothesis alone = Decode(*engine, {m.sources[i]}, 24)[0];
    EXPECT_EQ(together[i].ids, alone.ids) << i;
    EXPECT_NEAR(together[i].score, alone.score, 1e-10) << i;
    EXPECT_EQ(together[i].at_length_limit, alone.at_length_limit) << i;
    lengths.push_back(alone.ids.size());
  }
  std::sort(lengths.begin(), lengths.end());
  EXPECT_GE(std::unique(lengths.begin(), lengths.end()) - lengths.begin(), 3)
      << "the model must make the batch shrink";
}

TEST(Greedy, NothingFollowsTheEndAndTheScoreCountsIt) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kDouble);
  DecodeConfig sum, mean;
  sum.length_penalty = 0;
  mean.length_penalty = 1;
  const auto sums = Decode(*engine, m.sources, 24, sum),
             means = Decode(*engine, m.sources, 24, mean);
  int64_t ended = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    const Ids& ids = sums[i].ids;
    const auto eos = std::find(ids.begin(), ids.end(), 1);
    ended += eos != ids.end();
    EXPECT_EQ(sums[i].at_length_limit, eos == ids.end());
    EXPECT_TRUE(eos == ids.end() ? ids.size() == 24u : eos + 1 == ids.end());
    EXPECT_NEAR(sums[i].score / static_cast<double>(ids.size()), means[i].score, 1e-12);
  }
  EXPECT_GT(ended, 0);
}

TEST(GreedyAndBeams, RunToTheLimitWhenTheEndIsIgnored) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kFloat);
  for (DecodeConfig options : {DecodeConfig(), Beams(3)}) {
    options.ignore_eos = true;
    DecodeTimes times;
    const auto result = engine->Generate(m.sources, 9, options, &times);
    ASSERT_TRUE(result.ok());
    for (const Hypothesis& h : *result) EXPECT_EQ(h.ids.size(), 9u);
    EXPECT_EQ(times.step_seconds.size(), 9u);
  }
}

TEST(GreedyAndBeams, AStopSignalEndsThemWithTheStoppedStatus) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kFloat);
  for (const DecodeConfig& options : {DecodeConfig(), Beams(2)}) {
    RequestStop(SIGTERM);
    const auto result = engine->Generate(m.sources, 9, options, nullptr);
    RequestStop(0);
    EXPECT_TRUE(IsStopped(result.status()));
  }
}

TEST(KvBytes, AreExactlyTheSharedHeadsShareOfMultiHead) {
  const T5Config mha = MakeConfig(Shapes()[0]), gqa = MakeConfig(Shapes()[2]);
  const auto full = Engine::Create(mha, InitializeWeights(mha, 1), at::kFloat);
  const auto grouped = Engine::Create(gqa, InitializeWeights(gqa, 1), at::kFloat);
  EXPECT_EQ(full->KvBytes(64, 512, 32), 2 * 2 * 64 * (512 + 32) * 8 * 8 * 4);
  EXPECT_EQ(grouped->KvBytes(64, 512, 32) * 4, full->KvBytes(64, 512, 32));
  EXPECT_EQ(grouped->KvBytesPerPosition() * 4, full->KvBytesPerPosition());
  const auto half = Engine::Create(gqa, InitializeWeights(gqa, 1), at::kBFloat16);
  EXPECT_EQ(half->KvBytesPerPosition() * 2, grouped->KvBytesPerPosition());
}

}  // namespace
}  // namespace regroup
