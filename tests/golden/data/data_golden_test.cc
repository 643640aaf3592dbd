// Span corruption against T5's formulas written down in Python (make_data_golden.py).
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/json.h"
#include "data/span_corruption.h"
#include "support/number_tokenizer.h"

namespace regroup {
namespace {

Json Golden() {
  const auto golden = ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/data_golden.json");
  EXPECT_TRUE(golden.ok()) << golden.status();
  return *golden;
}

std::vector<bool> Bits(const Json& text) {
  std::vector<bool> bits;
  for (const char c : text.get<std::string>()) bits.push_back(c == '1');
  return bits;
}

TEST(SpanCorruptionGolden, LengthsAreThoseOfT5) {
  const Json rows = Golden()["lengths"];
  ASSERT_GE(rows.size(), 127U);
  for (const Json& row : rows) {
    const SpanLengths lengths =
        ComputeSpanLengths(row[0].get<int64_t>(), row[1].get<double>(), row[2].get<double>());
    EXPECT_EQ(lengths.tokens, row[3].get<int64_t>()) << row;
    EXPECT_EQ(lengths.source, row[4].get<int64_t>()) << row;
    EXPECT_EQ(lengths.target, row[5].get<int64_t>()) << row;
  }
}

// The control: a search that starts at source_length instead of one below gives 64, not 63.
TEST(SpanCorruptionGolden, LengthsFailWhereTheSearchStartsTooHigh) {
  const SpanLengths lengths = ComputeSpanLengths(64, 0.2, 1.0);
  EXPECT_EQ(lengths.tokens, 63);
  const double noise = std::nearbyint(64 * 0.2);
  EXPECT_GT(64 - noise + noise + 1, 64) << "64 raw tokens do not fit 64";
}

TEST(SpanCorruptionGolden, CountsAreRoundedInFp32) {
  const Json counts = Golden()["counts"];
  for (const char* kind : {"same", "fp32_only"}) {
    ASSERT_GE(counts[kind].size(), 200U);
    for (const Json& row : counts[kind]) {
      const NoiseCounts got =
          CountNoise(row[0].get<int64_t>(), row[1].get<double>(), row[2].get<double>());
      EXPECT_EQ(got.noise, row[3].get<int64_t>()) << row;
      EXPECT_EQ(got.spans, row[4].get<int64_t>()) << row;
    }
  }
}

// The control: products in double miss every row that was chosen for it.
TEST(SpanCorruptionGolden, CountsFailInDouble) {
  for (const Json& row : Golden()["counts"]["fp32_only"]) {
    const auto noise =
        static_cast<int64_t>(std::nearbyint(row[0].get<double>() * row[1].get<double>()));
    const auto spans =
        static_cast<int64_t>(std::nearbyint(static_cast<double>(noise) / row[2].get<double>()));
    EXPECT_TRUE(noise != row[3].get<int64_t>() || spans != row[4].get<int64_t>()) << row;
  }
}

TEST(SpanCorruptionGolden, MasksFollowTheRecordedShuffles) {
  const Json rows = Golden()["masks"];
  ASSERT_EQ(rows.size(), 9U);
  for (const Json& row : rows) {
    EXPECT_EQ(MaskFromIndicators(row["length"].get<int64_t>(), Bits(row["starts_noise"]),
                                 Bits(row["starts_kept"])),
              Bits(row["mask"]));
  }
}

// The control: with the two indicators exchanged, masks differ.
TEST(SpanCorruptionGolden, MasksFailWithTheIndicatorsExchanged) {
  const Json row = Golden()["masks"][0];
  EXPECT_NE(MaskFromIndicators(70, Bits(row["starts_kept"]), Bits(row["starts_noise"])),
            Bits(row["mask"]));
}

TEST(SpanCorruptionGolden, SentinelsReplaceSpansOnBothSides) {
  for (const Json& row : Golden()["masks"]) {
    const NumberTokenizer tokenizer(row["vocab"].get<int32_t>(), 100);
    const auto tokens = row["tokens"].get<std::vector<int32_t>>();
    const Example example = CorruptSpans(tokens, Bits(row["mask"]), tokenizer);
    EXPECT_EQ(example.input_ids, row["source"].get<std::vector<int32_t>>());
    EXPECT_EQ(example.target_ids, row["target"].get<std::vector<int32_t>>());
  }
}

// The control: another vocabulary has other sentinels.
TEST(SpanCorruptionGolden, SentinelsFailWithAnotherVocabulary) {
  const Json row = Golden()["masks"][0];
  const Example example = CorruptSpans(row["tokens"].get<std::vector<int32_t>>(), Bits(row["mask"]),
                                       NumberTokenizer(1001, 100));
  EXPECT_NE(example.input_ids, row["source"].get<std::vector<int32_t>>());
}

}  // namespace
}  // namespace regroup
