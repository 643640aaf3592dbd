// Thousands of drawn rows under every metric and option, against what the reference scorers gave
// for them (made by make_strings_golden.py); the controls are the numbers of another option.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/json.h"
#include "golden/metrics/strings.h"
#include "metrics/metric.h"

namespace regroup {
namespace {

// Of a block's mean or corpus score; a row that is off by 1e-4 moves a mean of 20 rows by 5e-6.
constexpr double kTolerance = 1e-6;

const Json& Golden() {
  static const auto& golden =
      *new Json(ReadJsonFile(REGROUP_GOLDEN_DIR "/strings_golden.json").value());
  return golden;
}

const std::vector<MetricInput>& Blocks() {
  static const auto& blocks = *[] {
    auto* list = new std::vector<MetricInput>;
    const uint64_t per_block = Golden()["block"];
    for (uint64_t i = 0; i < Golden()["rows"]; ++i) {
      if (i % per_block == 0) list->emplace_back();
      golden::TextRow row = golden::Row(i, Golden()["alphabet"]);
      list->back().predictions.push_back(std::move(row.prediction));
      list->back().references.push_back(std::move(row.references));
    }
    return list;
  }();
  return blocks;
}

std::vector<double> Score(const std::string& metric, const MetricInput& input,
                          const MetricOptions& options) {
  const MetricResult result = ScoreMetric(metric, input, options).value();
  std::vector<double> values;
  for (const std::string& key : MetricKeys(metric)) values.push_back(result.values.at(key));
  return values;
}

// How many blocks are off; `expected` reads the golden values of a block.
template <typename Expected>
int BlocksOff(const std::string& metric, const MetricOptions& options, Expected expected,
              bool print = true) {
  int off = 0;
  for (size_t b = 0; b < Blocks().size(); ++b) {
    const std::vector<double> found = Score(metric, Blocks()[b], options);
    const auto wanted = expected(Golden()["blocks"][b]).template get<std::vector<double>>();
    EXPECT_EQ(found.size(), wanted.size());
    for (size_t i = 0; i < found.size(); ++i) {
      if (std::abs(found[i] - wanted[i]) <= kTolerance) continue;
      ++off;
      if (print)
        ADD_FAILURE() << metric << " value " << i << " of block " << b << ": " << found[i]
                      << " instead of " << wanted[i];
      break;
    }
  }
  return off;
}

TEST(StringsGolden, HoldsThousandsOfRows) {
  size_t rows = 0;
  size_t empty = 0;
  size_t longest = 0;
  for (const MetricInput& block : Blocks()) {
    for (const std::string& prediction : block.predictions) {
      ++rows;
      if (prediction.empty()) ++empty;
      longest = std::max(longest, prediction.size());
    }
  }
  EXPECT_GE(rows, 3000U);
  EXPECT_GE(empty, 50U);
  EXPECT_GE(longest, 2000U);
}

TEST(StringsGolden, BleuEqualsSacreBleuUnderEveryTokenizerAndCase) {
  for (size_t k = 0; k < 8; ++k) {
    MetricOptions options;
    options.tokenize = BleuTokenizerNames()[k / 2];
    options.lowercase = k % 2 == 1;
    BlocksOff("bleu", options, [&](const Json& block) { return Json::array({block["bleu"][k]}); });
    const auto other = [&](const Json& block) { return Json::array({block["bleu"][(k + 1) % 8]}); };
    EXPECT_GT(BlocksOff("bleu", options, other, false), 10) << k;
  }
}

TEST(StringsGolden, ChrfEqualsSacreBleu) {
  for (size_t k = 0; k < 2; ++k) {
    MetricOptions options;
    options.lowercase = k == 1;
    BlocksOff("chrf", options, [&](const Json& block) { return Json::array({block["chrf"][k]}); });
    const auto other = [&](const Json& block) { return Json::array({block["chrf"][1 - k]}); };
    EXPECT_GT(BlocksOff("chrf", options, other, false), 100);
  }
}

TEST(StringsGolden, RougeEqualsRougeScoreWithStemsAndT5sSentences) {
  for (size_t k = 0; k < 3; ++k) {
    MetricOptions options;
    options.stemmer = k == 1;
    options.sentence_split_dot = k == 2;
    BlocksOff("rouge", options, [&](const Json& block) { return block["rouge"][k]; });
    const auto other = [&](const Json& block) { return block["rouge"][(k + 1) % 3]; };
    EXPECT_GT(BlocksOff("rouge", options, other, false), 30) << k;
  }
}

TEST(StringsGolden, AnswersEqualTheWrittenOutRules) {
  for (const std::string metric : {"squad", "trivia_qa"}) {
    BlocksOff(metric, {}, [&](const Json& block) { return block[metric]; });
    const std::string other = metric == "squad" ? "trivia_qa" : "squad";
    EXPECT_GT(BlocksOff(
                  metric, {}, [&](const Json& block) { return block[other]; }, false),
              50);
  }
}

TEST(StringsGolden, EqualityCountsTheRowsThatEqualAReference) {
  for (const std::string metric : {"accuracy", "exact_match"}) {
    BlocksOff(metric, {}, [](const Json& block) { return block["exact_match"]; });
    const auto normalized = [](const Json& block) { return Json::array({block["squad"][0]}); };
    EXPECT_GT(BlocksOff(metric, {}, normalized, false), 20);
  }
}

}  // namespace
}  // namespace regroup
