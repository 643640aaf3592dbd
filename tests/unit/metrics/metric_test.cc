// The door of the room: names, options, errors, several references, and cases whose scores can be
// worked out by hand.
#include "metrics/metric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "metrics/bleu.h"
#include "metrics/squad.h"
#include "metrics/unicode.h"

namespace regroup {
namespace {

using Texts = std::vector<std::string>;
using References = std::vector<std::vector<std::string>>;

double Value(const std::string& metric, const Texts& predictions, const References& references,
             const MetricOptions& options = {}) {
  return ScoreMetric(metric, predictions, references, options)
      .value()
      .values.at(PrimaryKey(metric));
}

std::map<std::string, double> Values(const std::string& metric, const Texts& predictions,
                                     const References& references) {
  return ScoreMetric(metric, predictions, references, {}).value().values;
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(MetricNames, EachHasAPrimaryKeyAmongItsKeys) {
  EXPECT_EQ(MetricNames().size(), 7U);
  for (const std::string& name : MetricNames()) {
    const Texts keys = MetricKeys(name);
    EXPECT_NE(std::find(keys.begin(), keys.end(), PrimaryKey(name)), keys.end()) << name;
  }
  EXPECT_EQ(PrimaryKey("rouge"), "rouge1");
  EXPECT_EQ(PrimaryKey("squad"), "f1");
}

TEST(ScoreMetric, GivesAHundredToEqualTextAndNothingToForeignText) {
  const std::string text = "four or more plain words stand here";
  for (const std::string& metric : MetricNames()) {
    for (const auto& [key, value] : Values(metric, {text}, {{text}})) {
      EXPECT_NEAR(value, 100, 1e-9) << metric << " " << key;
    }
    for (const auto& [key, value] : Values(metric, {"123"}, {{text}})) {
      EXPECT_EQ(value, 0) << metric << " " << key;
    }
  }
}

TEST(ScoreMetric, TakesTheBestReferenceOfARow) {
  for (const std::string metric :
       {"chrf", "rouge", "squad", "trivia_qa", "accuracy", "exact_match"}) {
    const References wrong = {{"something else"}};
    const References either = {{"something else", "right answer"}};
    EXPECT_LT(Value(metric, {"right answer"}, wrong), 50) << metric;
    EXPECT_NEAR(Value(metric, {"right answer"}, either), 100, 1e-9) << metric;
  }
}

TEST(Bleu, PenalizesBrevityAgainstTheClosestReference) {
  const Texts predictions = {"a b c d e"};
  const MetricResult alone = *ScoreMetric("bleu", predictions, {{"a b c d e f g h i j"}}, {});
  EXPECT_NEAR(alone.brevity_penalty, std::exp(1 - 10.0 / 5), 1e-12);
  const MetricResult closest =
      *ScoreMetric("bleu", predictions, {{"a b c d e f g h i j", "x y z w v u"}}, {});
  EXPECT_NEAR(closest.brevity_penalty, std::exp(1 - 6.0 / 5), 1e-12);
}

TEST(Bleu, OfSegmentsWithoutFourGramsIsZero) {
  EXPECT_EQ(Value("bleu", {"a b c"}, {{"a b c"}}), 0);
}

TEST(Bleu, SignatureNamesReferencesCaseAndTokenizer) {
  EXPECT_EQ(BleuSignature({{"a", "b"}, {"c", "d"}}, {BleuTokenizer::kIntl, true}),
            "nrefs:2|case:lc|eff:no|tok:intl|smooth:exp|version:2.6.0");
  EXPECT_EQ(ReferenceCount({{"a", "b"}, {"c"}}), "var");
}

TEST(Rouge, LsumUnitesSentencesWhereLTakesOneSubsequence) {
  const Texts prediction = {"w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"};
  const References reference = {{"w1 w2 w3 w4 w5"}};
  const auto values = Values("rouge", prediction, reference);
  EXPECT_NEAR(values.at("rougeLsum"), 100 * 2 * 0.4 * 0.8 / 1.2,
              1e-9);  // w1 w2 w3 w5 of 5 and of 10
  EXPECT_NEAR(values.at("rougeL"), values.at("rougeLsum"), 1e-9);
  const auto swapped = Values("rouge", {"c d\na b"}, {{"a b\nc d"}});
  EXPECT_NEAR(swapped.at("rougeLsum"), 100, 1e-9);
  EXPECT_NEAR(swapped.at("rougeL"), 50, 1e-9);
}

TEST(Answers, PunctuationIsDeletedForSquadAndSplitsWordsForTriviaQa) {
  const std::string answer = "`Some\tA_ODD, of the 'answers'.\"\u2018";
  EXPECT_EQ(NormalizeAnswer(answer, AnswerRules::kSquad), U"some aodd of answers\u2018");
  EXPECT_EQ(NormalizeAnswer(answer, AnswerRules::kTriviaQa), U"some odd of answers");
}

TEST(Answers, ThatShareNothingScoreZeroEvenWhenBothAreEmpty) {
  const auto values = Values("squad", {"the"}, {{"a."}});
  EXPECT_EQ(values.at("exact_match"), 100);
  EXPECT_EQ(values.at("f1"), 0);
}

TEST(Answers, AMissingPredictionIsWrongAlsoWhereAnEmptyOneWouldBeRight) {
  const MetricInput missing{{"", "x"}, {{"the"}, {"x"}}, {true, false}};
  const MetricInput empty{{"", "x"}, {{"the"}, {"x"}}, {}};
  EXPECT_EQ(ScoreMetric("squad", missing, {})->values.at("exact_match"), 50);
  EXPECT_EQ(ScoreMetric("squad", empty, {})->values.at("exact_match"), 100);
  EXPECT_FALSE(ScoreMetric("bleu", missing, {}).ok());
}

// Figures that the test suites of the reference scorers state: sacreBLEU's test_bleu, T5's
// metrics_test.
TEST(PublishedFigures, OfSacreBleusSuiteForThreeSegmentsWithTwoReferences) {
  const Texts predictions = {"The dog bit the man.", "It wasn't surprising.",
                             "The man had just bitten him."};
  const References references = {{"The dog bit the man.", "The dog had bit the man."},
                                 {"It was not unexpected.", "No one was surprised."},
                                 {"The man bit him first.", "The man had bitten the dog."}};
  const std::map<std::string, double> expected = {
      {"13a", 48.530827}, {"none", 49.1919566}, {"intl", 43.91623493}};
  for (const auto& [tokenize, score] : expected) {
    MetricOptions options;
    options.tokenize = tokenize;
    EXPECT_NEAR(Value("bleu", predictions, references, options), score, 1e-6) << tokenize;
  }
  EXPECT_EQ(Value("bleu", {"", "", ""}, references), 0);
}

TEST(PublishedFigures, OfT5sSuiteForAnswers) {
  const References answers = {
      {"big moose", "hippo"}, {"correct1"}, {"correct2.1", "correct2.2"}, {"a", "b"}};
  const Texts found = {"\u2018a big  Moose!\u2018", "wrong", "correct2.2", "c"};
  const auto squad = Values("squad", found, answers);
  EXPECT_NEAR(squad.at("exact_match"), 25, 1e-9);
  EXPECT_NEAR(squad.at("f1"), 35, 1e-9);
  const auto trivia = Values("trivia_qa", found, answers);
  EXPECT_NEAR(trivia.at("exact_match"), 50, 1e-9);
  EXPECT_NEAR(trivia.at("f1"), 50, 1e-9);
  EXPECT_NEAR(Value("squad", {"abd"}, {{"abc abd", "$$$$"}}), 200.0 / 3, 1e-9);
}

TEST(Unicode, LowerCaseKnowsTheContextOfSigmaAndTheDottedI) {
  EXPECT_EQ(Lower(U"ΟΔΟΣ ΣΑΣ' ΑΣ'Α Σ"), U"οδος σας' ασ'α σ");
  EXPECT_EQ(Lower(U"\u0130A"), U"i\u0307a");
}

TEST(Unicode, BytesThatAreNotUtf8AreFoundAndReplaced) {
  EXPECT_EQ(FirstInvalidUtf8("a\xC3\xA4\xFF"), 3U);
  EXPECT_EQ(FirstInvalidUtf8("fine"), std::string::npos);
  EXPECT_EQ(DecodeUtf8("a\xFFz"), U"a\uFFFDz");
}

TEST(ScoreMetric, IntervalsHoldTheValueAndCarryEveryKey) {
  Texts predictions;
  References references;
  for (int i = 0; i < 60; ++i) {
    predictions.push_back(i % 3 == 0 ? "some words that were not expected"
                                     : "these are the expected words here");
    references.push_back({"these are the expected words here"});
  }
  MetricOptions options;
  options.bootstrap = 500;
  for (const std::string& metric : MetricNames()) {
    const MetricResult result = *ScoreMetric(metric, predictions, references, options);
    for (const std::string& key : MetricKeys(metric)) {
      const Interval interval = result.interval.at(key);
      EXPECT_LT(interval.first, result.values.at(key)) << metric << " " << key;
      EXPECT_GT(interval.second, result.values.at(key)) << metric << " " << key;
    }
  }
}

TEST(ComparePaired, NamesTheDifferenceOfEachValue) {
  const MetricInput system{{"x", "y", "z"}, {{"x"}, {"y"}, {"z"}}, {}};
  const MetricInput baseline{{"x", "y", "wrong"}, system.references, {}};
  const auto result = ComparePaired("squad", system, baseline, {});
  EXPECT_NEAR(result->paired.at("exact_match").difference, 100.0 / 3, 1e-9);
  EXPECT_NEAR(result->baseline.values.at("exact_match"), 200.0 / 3, 1e-9);
  EXPECT_EQ(result->resamples, 1000);
  EXPECT_FALSE(ComparePaired("squad", system, {{"x"}, system.references, {}}, {}).ok());
}

TEST(ScoreMetric, RefusesInputThatCannotBeScored) {
  const auto error = [](const std::string& metric, const Texts& p, const References& r,
                        MetricOptions options = {}) {
    const auto result = ScoreMetric(metric, p, r, options);
    EXPECT_EQ(ExitCode(result.status()), 2);
    return Message(result.status());
  };
  EXPECT_NE(error("rogue", {"a"}, {{"a"}}).find("rouge"), std::string::npos);
  EXPECT_NE(error("bleu", {"a"}, {}).find("1 predictions and 0"), std::string::npos);
  EXPECT_NE(error("bleu", {}, {}).find("no row"), std::string::npos);
  EXPECT_NE(error("bleu", {"a", "b"}, {{"a"}, {}}).find("row 1"), std::string::npos);
  MetricOptions options;
  options.tokenize = "intel";
  EXPECT_NE(error("bleu", {"a"}, {{"a"}}, options).find("intl"), std::string::npos);
  options = {};
  options.bootstrap = -1;
  EXPECT_NE(error("bleu", {"a"}, {{"a"}}, options).find("-1"), std::string::npos);
}

TEST(ValidateMetricOptions, RefusesAnOptionThatChangesNoneOfTheMetrics) {
  MetricOptions options;
  options.stemmer = true;
  EXPECT_TRUE(ValidateMetricOptions({"rouge"}, options).ok());
  EXPECT_TRUE(ValidateMetricOptions({"bleu", "rouge"}, options).ok());
  EXPECT_NE(Message(ValidateMetricOptions({"bleu"}, options)).find("stemmer"), std::string::npos);
  EXPECT_FALSE(ValidateMetricOptions({"rogue"}, {}).ok());
}

TEST(MetricResultToJson, HasExactlyTheKeysOfTheContract) {
  const auto keys = [](const std::string& metric, int bootstrap) {
    MetricOptions options;
    options.bootstrap = bootstrap;
    Texts names;
    const Json json =
        MetricResultToJson(metric, *ScoreMetric(metric, {"a b c d"}, {{"a b c d"}}, options));
    for (const auto& [key, value] : json.items()) names.push_back(key);
    return names;
  };
  EXPECT_EQ(keys("bleu", 0), (Texts{"bleu", "signature", "precisions", "brevity_penalty"}));
  EXPECT_EQ(keys("chrf", 0), (Texts{"chrf", "signature"}));
  EXPECT_EQ(keys("rouge", 0), (Texts{"rouge1", "rouge2", "rougeL", "rougeLsum"}));
  EXPECT_EQ(keys("squad", 10), (Texts{"exact_match", "f1", "interval"}));
  EXPECT_EQ(keys("trivia_qa", 0), (Texts{"exact_match", "f1"}));
  EXPECT_EQ(keys("accuracy", 0), (Texts{"accuracy"}));
  EXPECT_EQ(keys("exact_match", 0), (Texts{"exact_match"}));
}

TEST(PairedResultToJson, HoldsBothSystemsAndEachDifference) {
  const References references = {{"x"}, {"y"}};
  MetricOptions options;
  options.bootstrap = 20;
  const auto result = ComparePaired("accuracy", {{"x", "y"}, references, {}},
                                    {{"?", "!"}, references, {}}, options);
  EXPECT_EQ(DumpJson(PairedResultToJson("accuracy", *result)),
            R"({"accuracy":100.0,"interval":{"accuracy":[100.0,100.0]},)"
            R"("baseline":{"accuracy":0.0,"interval":{"accuracy":[0.0,0.0]}},)"
            R"("paired":{"accuracy":{"difference":100.0,"interval":[100.0,100.0],)"
            R"("p_value":0.047619047619047616}},"resamples":20})");
}

TEST(MetricResultToJson, WritesIntervalsAsPairs) {
  MetricOptions options;
  options.bootstrap = 10;
  const Json json =
      MetricResultToJson("accuracy", *ScoreMetric("accuracy", {"a"}, {{"a"}}, options));
  EXPECT_EQ(DumpJson(json), R"({"accuracy":100.0,"interval":{"accuracy":[100.0,100.0]}})");
}

}  // namespace
}  // namespace regroup
