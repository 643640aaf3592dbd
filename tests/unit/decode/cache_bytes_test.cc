// What the decoder's caches occupy, measured: G heads per layer and site, never expanded.
#include <gtest/gtest.h>

#include "decode/bench.h"
#include "decode/decoder.h"
#include "unit/decode/engine_fixture.h"

namespace regroup {
namespace {

constexpr int64_t kRows = 3, kSource = 5, kTarget = 7;

int64_t AllocatedBytes(const KvHeads& heads, at::ScalarType compute) {
  const T5Config config = MakeConfig({"", true, heads});
  const PackedWeights packed = PackWeights(config, MakeWeights(config), compute);
  const std::vector<Ids> sources = MakeRows({kSource, kSource - 2, kSource}, 1);
  const c10::InferenceMode inference;
  DecoderState state(packed, EncodeRows(packed, sources), FindLengthRuns(sources), kTarget);
  for (int64_t t = 0; t < kTarget; ++t) state.Step(at::zeros({kRows}, at::kLong));
  return state.CacheBytes();
}

TEST(CacheBytes, AreThoseOfGHeadsInEveryLayer) {
  const int64_t width = 8;
  const int64_t whole = AllocatedBytes({{8, 8}, {8, 8}, {8, 8}}, at::kFloat);
  EXPECT_EQ(whole, 2 * 2 * kRows * 8 * width * (kTarget + kSource) * 4);
  for (const int64_t g : {4, 2, 1}) {
    EXPECT_EQ(AllocatedBytes({{8, 8}, {g, g}, {g, g}}, at::kFloat) * 8, whole * g) << g;
  }
  EXPECT_EQ(AllocatedBytes({{8, 8}, {2, 1}, {4, 1}}, at::kFloat),
            2 * kRows * width * (kTarget * 3 + kSource * 5) * 4);
  EXPECT_EQ(AllocatedBytes({{8, 8}, {8, 8}, {8, 8}}, at::kBFloat16) * 2, whole);
}

TEST(CacheBytes, OfABatchAreWhatTheEngineReports) {
  const T5Config config = MakeConfig({"", true, {{8, 8}, {2, 2}, {1, 1}}});
  const auto engine = Engine::Create(config, MakeWeights(config), at::kFloat);
  DecodeConfig options;
  options.ignore_eos = true;
  DecodeTimes times;
  for (const size_t rows : {size_t{2}, size_t{4}, size_t{1}}) {
    const std::vector<Ids> sources(rows, Ids{2, 3, 4});
    ASSERT_TRUE(engine->Generate(sources, 6, options, &times).ok());
  }
  EXPECT_EQ(times.cache_bytes, engine->KvBytes(4, 3, 6)) << "of the largest batch";
}

TEST(CacheBytes, OfTheCrossCacheDoNotGrowWithTheBeams) {
  const T5Config config = MakeConfig({"", true, {{8, 8}, {2, 2}, {1, 1}}});
  const auto engine = Engine::Create(config, MakeWeights(config), at::kFloat);
  const int64_t cross = engine->KvBytes(kRows, kSource, 0),
                self = engine->KvBytes(kRows, 0, kTarget);
  DecodeConfig options;
  options.ignore_eos = true;
  for (const int64_t beams : {1, 2, 5}) {
    options.beams = beams;
    DecodeTimes times;
    const std::vector<Ids> sources(kRows, Ids(kSource, 3));
    ASSERT_TRUE(engine->Generate(sources, kTarget, options, &times).ok());
    EXPECT_EQ(times.cache_bytes, cross + beams * self) << beams;
  }
}

TEST(RoundOrder, LetsEveryModelBeginEquallyOften) {
  using Order = std::vector<size_t>;
  EXPECT_EQ(RoundOrder(3, 0), (Order{0, 1, 2}));
  EXPECT_EQ(RoundOrder(3, 1), (Order{1, 2, 0}));
  EXPECT_EQ(RoundOrder(3, 2), (Order{2, 0, 1}));
  EXPECT_EQ(RoundOrder(3, 3), RoundOrder(3, 0));
}

}  // namespace
}  // namespace regroup
