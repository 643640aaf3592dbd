// Span corruption against T5's formulas written down in Python (make_data_golden.py).
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/json.h"
#include "data/span_corruption.h"
#include "support/number_tokenizer.h"

namespace regroup {
namespace {

const Json& Golden() {
  static const auto* const golden =
      new Json(ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/data_golden.json").value());
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

// The rule of the longest segment with the start of its search left open.
int64_t TokensFromSearchAt(int64_t start, int64_t source_length, double density, double mean) {
  const auto fits = [&](int64_t tokens) {
    const double noise = std::nearbyint(static_cast<double>(tokens) * density);
    return static_cast<double>(tokens) - noise + std::nearbyint(noise / mean) + 1 <=
           static_cast<double>(source_length);
  };
  int64_t tokens = start;
  while (fits(tokens + 1)) ++tokens;
  return tokens;
}

// The control: a search that starts one token higher agrees wherever more than source_length tokens
// fit, and misses the rows where fewer do, such as (64, 0.2, 1): 63.
TEST(SpanCorruptionGolden, LengthsFailWhereTheSearchStartsTooHigh) {
  int64_t missed = 0;
  for (const Json& row : Golden()["lengths"]) {
    const int64_t source = row[0];
    const double density = row[1], mean = row[2];
    if (density == 0.5) continue;  // has a rule of its own after the search
    EXPECT_EQ(TokensFromSearchAt(source - 1, source, density, mean), row[3].get<int64_t>()) << row;
    missed += TokensFromSearchAt(source, source, density, mean) != row[3].get<int64_t>();
  }
  EXPECT_GE(missed, 1);
  EXPECT_EQ(TokensFromSearchAt(64, 64, 0.2, 1), 64);
  EXPECT_EQ(ComputeSpanLengths(64, 0.2, 1).tokens, 63);
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
  ASSERT_EQ(Golden()["counts"]["fp32_only"].size(), 200U);
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
  ASSERT_EQ(Golden()["masks"].size(), 9U);
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
