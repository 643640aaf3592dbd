// Properties of masks and corrupted examples.
#include "data/span_corruption.h"

#include <gtest/gtest.h>

#include <numeric>

#include "corpus_fixture.h"

namespace regroup {
namespace {

int64_t CountSpans(const std::vector<bool>& mask) {
  int64_t spans = 0;
  for (size_t i = 0; i < mask.size(); ++i) spans += mask[i] && (i == 0 || !mask[i - 1]) ? 1 : 0;
  return spans;
}

TEST(SpanCorruption, EveryExampleRestoresItsSource) {
  for (int64_t length = 2; length < 400; ++length) {
    std::vector<int32_t> ids(static_cast<size_t>(length));
    std::iota(ids.begin(), ids.end(), 10);
    CounterRng rng(3, RandomPurpose::kTest, static_cast<uint64_t>(length));
    const auto mask = DrawNoiseMask(length, 0.15, 3.0, rng);
    const Example example = CorruptSpans(ids, mask, *TestTokenizer());
    EXPECT_EQ(Restore(example), ids);
    EXPECT_EQ(example.input_ids.back(), kEosId);
    EXPECT_EQ(example.target_ids.back(), kEosId);
  }
}

TEST(SpanCorruption, MasksStartKeptEndWithNoiseAndHaveExactCounts) {
  for (uint64_t draw = 0; draw < 200; ++draw) {
    CounterRng rng(3, RandomPurpose::kTest, draw);
    const auto mask = DrawNoiseMask(32, 0.25, 2.0, rng);
    EXPECT_FALSE(mask.front());
    EXPECT_TRUE(mask.back());
    EXPECT_EQ(std::count(mask.begin(), mask.end(), true), 8);
    EXPECT_EQ(CountSpans(mask), 4);
  }
}

TEST(SpanCorruption, MasksDifferBetweenDrawsAndReachEveryPlace) {
  std::vector<int> noise(32);
  for (uint64_t draw = 0; draw < 2000; ++draw) {
    CounterRng rng(3, RandomPurpose::kTest, draw);
    const auto mask = DrawNoiseMask(32, 0.25, 2.0, rng);
    for (size_t i = 0; i < mask.size(); ++i) noise[i] += mask[i] ? 1 : 0;
  }
  EXPECT_EQ(noise[0], 0);
  for (size_t i = 1; i < 31; ++i) {
    EXPECT_GT(noise[i], 200) << i;
    EXPECT_LT(noise[i], 1200) << i;
  }
}

TEST(SpanCorruption, NeedsNoMoreSpansThanKeptTokens) {
  const NoiseCounts counts = CountNoise(10, 0.8, 1.0);
  EXPECT_EQ(counts.noise, 8);
  EXPECT_EQ(counts.spans, 2);
  CounterRng rng(3, RandomPurpose::kTest, 0);
  EXPECT_EQ(DrawNoiseMask(10, 0.8, 1.0, rng).size(), 10U);
}

TEST(SpanCorruption, OneTokenIsKept) {
  CounterRng rng(3, RandomPurpose::kTest, 0);
  EXPECT_EQ(DrawNoiseMask(1, 0.15, 3.0, rng), std::vector<bool>{false});
}

TEST(SpanCorruption, FullSegmentsFillTheComputedLengths) {
  const SpanLengths lengths = ComputeSpanLengths(512, 0.15, 3.0);
  std::vector<int32_t> ids(static_cast<size_t>(lengths.tokens), 9);
  CounterRng rng(3, RandomPurpose::kTest, 5);
  const Example example =
      CorruptSpans(ids, DrawNoiseMask(lengths.tokens, 0.15, 3.0, rng), *TestTokenizer());
  EXPECT_EQ(static_cast<int64_t>(example.input_ids.size()), 512);
  EXPECT_EQ(static_cast<int64_t>(example.target_ids.size()), 114);
}

TEST(Collate, PadsToTheLongestAndKeepsLengths) {
  const std::vector<Example> examples = {{7, "", {5, 0, 1}, {1}}, {9, "", {4}, {3, 1}}};
  const Batch batch = Collate(examples);
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.source_ids_bs, (std::vector<int32_t>{5, 0, 1, 4, 0, 0}));
  EXPECT_EQ(batch.target_ids_bt, (std::vector<int32_t>{1, 0, 3, 1}));
  EXPECT_EQ(batch.source_lengths_b, (std::vector<int32_t>{3, 1}));
  EXPECT_EQ(batch.target_lengths_b, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(batch.positions_b, (std::vector<uint64_t>{7, 9}));
  EXPECT_EQ(batch.source_tokens(), 4);
  EXPECT_EQ(batch.target_tokens(), 3);
}

}  // namespace
}  // namespace regroup
