// Files of predictions and references: what fits together, and errors that name file and line.
#include "metrics/metric_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace regroup {
namespace {

class MetricFiles : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }

  // The error's message; also checks that the user is at fault.
  static std::string ErrorOf(const std::string& predictions,
                             const std::vector<std::string>& references) {
    const auto input = ReadMetricFiles(predictions, references);
    EXPECT_EQ(ExitCode(input.status()), 2);
    return std::string(input.status().message());
  }

  static void ExpectParts(const std::string& message, const std::vector<std::string>& parts) {
    for (const std::string& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << "\nin: " << message;
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      absl::StrCat("regroup_metric_files_", getpid(), "_",
                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

constexpr char kSquad[] =
    R"({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": [
  {"id": "q1", "question": "?", "answers": [{"text": "one", "answer_start": 0}, {"text": "1", "answer_start": 0}]},
  {"id": "q2", "question": "?", "answers": [{"text": "two", "answer_start": 0}]}]}]}]})";

TEST_F(MetricFiles, TextLinesMeetTheSameLineOfEveryReferenceFile) {
  const auto input = ReadMetricFiles(Write("p.txt", "a b\n\nc"),
                                     {Write("r1.txt", "1\n2\n3\n"), Write("r2.de", "x\r\ny\r\nz")});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->predictions, (std::vector<std::string>{"a b", "", "c"}));
  EXPECT_EQ(input->references,
            (std::vector<std::vector<std::string>>{{"1", "x"}, {"2", "y"}, {"3", "z"}}));
}

TEST_F(MetricFiles, GeneratedRowsMeetTheirTargets) {
  const auto input =
      ReadMetricFiles(Write("p.jsonl",
                            "{\"id\": \"k\", \"output_ids\": [1], \"output\": \"a\\nb\", "
                            "\"score\": -1}\n{\"id\": 1, \"output\": \"c\"}\n"),
                      {Write("r.jsonl",
                             "{\"id\": \"k\", \"input\": \"i\", \"target\": \"t\"}\n{\"input\": "
                             "\"i\", \"targets\": [\"u\", \"v\"]}\n")});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->predictions, (std::vector<std::string>{"a\nb", "c"}));
  EXPECT_EQ(input->references, (std::vector<std::vector<std::string>>{{"t"}, {"u", "v"}}));
}

TEST_F(MetricFiles, SquadQuestionsFindTheirPredictionsAndMarkTheMissing) {
  const auto input = ReadMetricFiles(Write("p.json", R"({"q2": "two", "unasked": "?"})"),
                                     {Write("r.json", kSquad)});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->references, (std::vector<std::vector<std::string>>{{"one", "1"}, {"two"}}));
  EXPECT_EQ(input->missing, (std::vector<bool>{true, false}));
  EXPECT_EQ(ScoreMetric("squad", *input, {})->values.at("f1"), 50);
}

TEST_F(MetricFiles, GeneratedRowsAnswerSquadById) {
  const auto input = ReadMetricFiles(
      Write("p.jsonl",
            "{\"id\": \"q2\", \"output\": \"two\"}\n{\"id\": \"q1\", \"output\": \"1\"}\n"),
      {Write("r.json", kSquad)});
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(ScoreMetric("squad", *input, {})->values.at("exact_match"), 100);
}

TEST_F(MetricFiles, DifferentNumbersOfRowsAreNamed) {
  ExpectParts(ErrorOf(Write("p.txt", "a\nb\n"), {Write("r.txt", "a\n")}),
              {"p.txt", "2 predictions", "r.txt", "1 rows"});
  ExpectParts(ErrorOf(Write("p.txt", "a\n"), {Write("r.txt", "a\n"), Write("s.txt", "a\nb\n")}),
              {"s.txt", "2 lines"});
}

TEST_F(MetricFiles, BadRowsAreNamedByFileAndLine) {
  const std::string good = Write("good.jsonl", "{\"target\": \"a\"}\n{\"target\": \"a\"}\n");
  const std::string first = "{\"output\": \"a\"}\n";
  ExpectParts(ErrorOf(Write("a.jsonl", first + "{\"output\": null}\n"), {good}),
              {"a.jsonl:2", "null", "tokenizer"});
  ExpectParts(ErrorOf(Write("b.jsonl", first + "[1]\n"), {good}), {"b.jsonl:2", "array"});
  ExpectParts(ErrorOf(Write("c.jsonl", first + "{\"output\": \n"), {good}), {"c.jsonl:2", "JSON"});
  ExpectParts(ErrorOf(Write("d.jsonl", first + "{\"id\": 5, \"output\": \"a\"}\n"), {good}),
              {"d.jsonl:2", "id 5", "good.jsonl:2"});
  const std::string outputs = Write("p.jsonl", first + first);
  ExpectParts(ErrorOf(outputs, {Write("e.jsonl", "{\"target_ids\": [5]}\n")}),
              {"e.jsonl:1", "neither"});
  ExpectParts(ErrorOf(outputs, {Write("f.jsonl", "{\"targets\": []}\n")}),
              {"f.jsonl:1", "targets"});
  ExpectParts(ErrorOf(outputs, {Write("g.jsonl", "{\"target\": 7}\n")}), {"g.jsonl:1", "number"});
}

TEST_F(MetricFiles, FilesThatCannotBeReadAreNamed) {
  const std::string text = Write("p.txt", "a\n");
  ExpectParts(ErrorOf("/nonexistent/p.txt", {text}), {"/nonexistent/p.txt"});
  ExpectParts(ErrorOf(text, {Write("empty.txt", "")}), {"empty.txt", "empty"});
  ExpectParts(ErrorOf(text, {Write("latin.txt", "fine\ncaf\xE9\n")}), {"latin.txt:2", "UTF-8"});
  ExpectParts(ErrorOf(text, {}), {"--references"});
}

TEST_F(MetricFiles, FilesThatDoNotFitTogetherAreNamed) {
  const std::string text = Write("p.txt", "a\n");
  const std::string squad = Write("r.json", kSquad);
  ExpectParts(ErrorOf(text, {squad}), {"p.txt", "no ids"});
  ExpectParts(ErrorOf(text, {text, squad}), {"r.json", "targets"});
  ExpectParts(ErrorOf(Write("q.json", R"({"other": "x"})"), {squad}), {"q.json", "none"});
  ExpectParts(
      ErrorOf(Write("twice.jsonl",
                    "{\"id\": \"q1\", \"output\": \"a\"}\n{\"id\": \"q1\", \"output\": \"b\"}\n"),
              {squad}),
      {"twice.jsonl:2", "q1"});
}

TEST_F(MetricFiles, BrokenSquadIsNamedByItsPlace) {
  const std::string predictions = Write("p.json", R"({"q1": "x"})");
  ExpectParts(ErrorOf(predictions, {Write("a.json", R"({"rows": []})")}), {"a.json", "data"});
  ExpectParts(
      ErrorOf(predictions,
              {Write("b.json",
                     R"({"data": [{"paragraphs": [{"qas": [{"id": "q1", "answers": []}]}]}]})")}),
      {"b.json", "question q1", "no answer"});
  ExpectParts(ErrorOf(predictions, {Write("c.json", R"({"data": [{"paragraphs": [7]}]})")}),
              {"c.json: data[0].paragraphs[0]"});
}

}  // namespace
}  // namespace regroup
