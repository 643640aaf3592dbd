// Every metric against the numbers of its reference scorer (made by make_metrics_golden.py), each
// with a control that must fail: the same comparison with one rule changed.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "metrics/metric.h"
#include "metrics/porter_stemmer.h"

namespace regroup {
namespace {

constexpr double kTolerance = 1e-4;
const std::vector<std::string> kTokenizers = {"13a", "intl", "char", "none"};

const Json& Golden() {
  static const auto& golden =
      *new Json(ReadJsonFile(REGROUP_GOLDEN_DIR "/metrics_golden.json").value());
  return golden;
}

MetricResult Score(const std::string& metric, const Json& rows, const MetricOptions& options) {
  MetricInput input;
  for (const Json& row : rows) {
    input.predictions.push_back(row["prediction"]);
    input.references.push_back(row["references"]);
  }
  return ScoreMetric(metric, input, options).value();
}

std::vector<double> RowValues(const std::string& metric, const Json& row,
                              const MetricOptions& options) {
  const MetricResult result = Score(metric, Json::array({row}), options);
  std::vector<double> values;
  for (const std::string& key : MetricKeys(metric)) values.push_back(result.values.at(key));
  return values;
}

// How many golden rows the metric misses by more than the tolerance; `expected` reads a row's
// golden values.
template <typename Expected>
int RowsOff(const std::string& metric, const MetricOptions& options, Expected expected,
            bool print = true) {
  int off = 0;
  for (const Json& row : Golden()["rows"]) {
    const std::vector<double> found = RowValues(metric, row, options);
    const std::vector<double> wanted = expected(row);
    for (size_t i = 0; i < found.size(); ++i) {
      if (std::abs(found[i] - wanted[i]) <= kTolerance) continue;
      ++off;
      if (print)
        ADD_FAILURE() << metric << " value " << i << ": " << found[i] << " instead of " << wanted[i]
                      << "\n"
                      << DumpJson(row);
      break;
    }
  }
  return off;
}

std::vector<double> Numbers(const Json& json) { return json.get<std::vector<double>>(); }

TEST(GoldenFile, HoldsAFewHundredRows) { EXPECT_GE(Golden()["rows"].size(), 250U); }

TEST(BleuGolden, EveryRowEqualsSacreBleuUnderEveryTokenizer) {
  for (size_t t = 0; t < kTokenizers.size(); ++t) {
    MetricOptions options;
    options.tokenize = kTokenizers[t];
    RowsOff("bleu", options,
            [&](const Json& row) { return std::vector<double>{row["bleu"][t].get<double>()}; });
  }
}

TEST(BleuGolden, LowerCaseEqualsSacreBleu) {
  MetricOptions options;
  options.lowercase = true;
  RowsOff("bleu", options,
          [](const Json& row) { return std::vector<double>{row["bleu_lc"].get<double>()}; });
}

TEST(BleuGolden, AnotherTokenizerOrCaseIsSeenAsWrong) {
  const auto of_13a = [](const Json& row) {
    return std::vector<double>{row["bleu"][0].get<double>()};
  };
  MetricOptions intl;
  intl.tokenize = "intl";
  EXPECT_GT(RowsOff("bleu", intl, of_13a, false), 20);
  MetricOptions lower;
  lower.lowercase = true;
  EXPECT_GT(RowsOff("bleu", lower, of_13a, false), 5);
}

TEST(BleuGolden, CorporaEqualSacreBleuWithPrecisionsBrevityAndSignature) {
  for (const Json& corpus : Golden()["corpora"]) {
    Json rows = Json::array();
    for (size_t i = corpus["begin"]; i < corpus["end"]; ++i) rows.push_back(Golden()["rows"][i]);
    for (size_t k = 0; k < corpus["bleu"].size(); ++k) {
      const Json& expected = corpus["bleu"][k];
      MetricOptions options;
      options.tokenize = kTokenizers[k / 2];
      options.lowercase = k % 2 == 1;
      const Json found = MetricResultToJson("bleu", Score("bleu", rows, options));
      EXPECT_NEAR(found["bleu"].get<double>(), expected["bleu"].get<double>(), kTolerance);
      EXPECT_NEAR(found["brevity_penalty"].get<double>(), expected["brevity_penalty"].get<double>(),
                  kTolerance);
      EXPECT_EQ(found["signature"], expected["signature"]);
      for (size_t n = 0; n < 4; ++n) {
        EXPECT_NEAR(found["precisions"][n].get<double>(), expected["precisions"][n].get<double>(),
                    kTolerance);
      }
    }
  }
}

TEST(ChrfGolden, EveryRowEqualsSacreBleu) {
  for (size_t k = 0; k < 2; ++k) {
    MetricOptions options;
    options.lowercase = k == 1;
    RowsOff("chrf", options,
            [&](const Json& row) { return std::vector<double>{row["chrf"][k].get<double>()}; });
    // Control: the other case's numbers.
    EXPECT_GT(
        RowsOff(
            "chrf", options,
            [&](const Json& row) { return std::vector<double>{row["chrf"][1 - k].get<double>()}; },
            false),
        20);
  }
}

TEST(ChrfGolden, CorporaEqualSacreBleuWithSignature) {
  for (const Json& corpus : Golden()["corpora"]) {
    Json rows = Json::array();
    for (size_t i = corpus["begin"]; i < corpus["end"]; ++i) rows.push_back(Golden()["rows"][i]);
    for (size_t k = 0; k < 2; ++k) {
      MetricOptions options;
      options.lowercase = k == 1;
      const Json found = MetricResultToJson("chrf", Score("chrf", rows, options));
      EXPECT_NEAR(found["chrf"].get<double>(), corpus["chrf"][k]["chrf"].get<double>(), kTolerance);
      EXPECT_EQ(found["signature"], corpus["chrf"][k]["signature"]);
    }
  }
}

TEST(RougeGolden, EveryRowEqualsRougeScoreWithAndWithoutStems) {
  MetricOptions options;
  RowsOff("rouge", options, [](const Json& row) { return Numbers(row["rouge"]); });
  options.stemmer = true;
  RowsOff("rouge", options, [](const Json& row) { return Numbers(row["rouge_stem"]); });
  EXPECT_GT(RowsOff(
                "rouge", options, [](const Json& row) { return Numbers(row["rouge"]); }, false),
            3);
}

TEST(RougeGolden, SentencesSplitAtDotsAsT5DoesIt) {
  const auto expected = [](const Json& row) {
    std::vector<double> values = Numbers(row["rouge"]);
    values[3] = row["rouge_dot"];
    return values;
  };
  MetricOptions options;
  EXPECT_GT(RowsOff("rouge", options, expected, false), 3);
  options.sentence_split_dot = true;
  RowsOff("rouge", options, expected);
}

TEST(StemGolden, EveryStemEqualsNltk) {
  int unlike_its_word = 0;
  for (const Json& pair : Golden()["stems"]) {
    EXPECT_EQ(PorterStem(pair[0]), pair[1].get<std::string>()) << pair[0];
    if (pair[0] != pair[1]) ++unlike_its_word;
  }
  EXPECT_GT(unlike_its_word, 100);  // control: a stemmer that does nothing is seen
}

TEST(AnswerGolden, EveryRowEqualsTheWrittenOutRules) {
  for (const std::string metric : {"squad", "trivia_qa"}) {
    RowsOff(metric, {}, [&](const Json& row) { return Numbers(row[metric]); });
    const std::string other = metric == "squad" ? "trivia_qa" : "squad";
    EXPECT_GT(RowsOff(
                  metric, {}, [&](const Json& row) { return Numbers(row[other]); }, false),
              5);
  }
}

}  // namespace
}  // namespace regroup
