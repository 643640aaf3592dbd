// Rows of text and ids, to the letter of the row format.
#include "data/rows.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "support/number_tokenizer.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

struct Outcome {
  std::vector<Row> rows;
  absl::Status status;
};

Outcome ReadLines(const std::string& lines, bool with_tokenizer = true, int64_t vocab = 100) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  Outcome outcome;
  outcome.status = ForEachRow(folder.Write("rows.jsonl", lines),
                              with_tokenizer ? &tokenizer : nullptr, vocab, [&](Row row) {
                                outcome.rows.push_back(std::move(row));
                                return absl::OkStatus();
                              });
  return outcome;
}

std::string ErrorOf(const std::string& lines, bool with_tokenizer = true) {
  const Outcome outcome = ReadLines(lines, with_tokenizer);
  EXPECT_EQ(ExitCode(outcome.status), 2) << lines;
  return std::string(outcome.status.message());
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Rows, OfIdsStandAsTheyAre) {
  const Outcome outcome = ReadLines(R"({"input_ids":[0,5,99],"target_ids":[0]})", false);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows[0].example.input_ids, (Ids{0, 5, 99}));
  EXPECT_EQ(outcome.rows[0].example.target_ids, Ids{0});
  EXPECT_TRUE(outcome.rows[0].references.empty());
  EXPECT_EQ(outcome.rows[0].source_text, "");
}

TEST(Rows, OfTextGetEosAndEmptyTextIsEosAlone) {
  const Outcome outcome = ReadLines(R"({"input":"7 8","target":""})");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows[0].example.input_ids, (Ids{7, 8, kEosId}));
  EXPECT_EQ(outcome.rows[0].example.target_ids, Ids{kEosId});
  EXPECT_EQ(outcome.rows[0].references, Texts{""});
  EXPECT_EQ(outcome.rows[0].source_text, "7 8");
}

TEST(Rows, TakeTheFirstOfSeveralTargetsAndKeepAllAsReferences) {
  const Outcome outcome = ReadLines(R"({"input":"7","targets":["8 9","10"]})");
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.rows[0].example.target_ids, (Ids{8, 9, kEosId}));
  EXPECT_EQ(outcome.rows[0].references, (Texts{"8 9", "10"}));
}

TEST(Rows, NeedNoTarget) {
  const Outcome outcome = ReadLines(R"({"input":"7"})");
  ASSERT_TRUE(outcome.status.ok());
  EXPECT_TRUE(outcome.rows[0].example.target_ids.empty());
}

TEST(Rows, CopyTheirIdOrAreNumberedFromZero) {
  const Outcome outcome = ReadLines(
      "{\"input\":\"7\"}\n{\"id\":\"x\",\"input\":\"7\"}\n"
      "{\"id\":[4.5],\"input\":\"7\"}\n{\"input\":\"7\"}\n");
  ASSERT_EQ(outcome.rows.size(), 4U) << outcome.status;
  EXPECT_EQ(outcome.rows[0].id, Json(0));
  EXPECT_EQ(outcome.rows[1].id, Json("x"));
  EXPECT_EQ(outcome.rows[1].example.id, "x");
  EXPECT_EQ(DumpJson(outcome.rows[2].id), "[4.5]");
  EXPECT_EQ(outcome.rows[3].id, Json(3));
  EXPECT_EQ(outcome.rows[3].example.id, "3");
  EXPECT_EQ(outcome.rows[3].example.position, 3U);
}

TEST(Rows, WithBadIdsAreNamedWithFileAndLine) {
  const std::string good = "{\"input_ids\":[1]}\n";
  EXPECT_HAS(ErrorOf(good + R"({"input_ids":[]})"), "rows.jsonl:2: \"input_ids\" is []");
  EXPECT_HAS(ErrorOf(good + R"({"input_ids":[5,100]})"),
             "\"input_ids\" holds 100 at index 1, expected token ids from 0 to 99");
  EXPECT_HAS(ErrorOf(good + R"({"input_ids":[5],"target_ids":[-100]})"),
             "\"target_ids\" holds -100 at index 0");
  EXPECT_HAS(ErrorOf(R"({"input_ids":[1.0]})"), "holds 1.0");
  EXPECT_HAS(ErrorOf(R"({"input_ids":["1"]})"), "holds \"1\"");
  EXPECT_HAS(ErrorOf(R"({"input_ids":[99999999999999999999]})"), "holds 1e+20");
  EXPECT_HAS(ErrorOf(R"({"input_ids":5})"), "\"input_ids\" is 5, expected a list");
  EXPECT_HAS(ErrorOf(R"({"input_ids":[5],"target_ids":[]})"), "\"target_ids\" is []");
}

TEST(Rows, WithMissingOrMistypedKeysAreNamed) {
  EXPECT_HAS(ErrorOf(R"({"inputs":"7"})"),
             "rows.jsonl:1: has neither \"input\" (text) nor \"input_ids\"; found \"inputs\"");
  EXPECT_HAS(ErrorOf(R"({"input":7})"), "\"input\" is 7, expected text");
  EXPECT_HAS(ErrorOf(R"({"input":null})"), "\"input\" is null, expected text");
  EXPECT_HAS(ErrorOf(R"({"input":"7","target":["8"]})"), "\"target\" is [\"8\"], expected text");
  EXPECT_HAS(ErrorOf(R"({"input":"7","targets":"8"})"), "\"targets\" is \"8\", expected a list");
  EXPECT_HAS(ErrorOf(R"({"input":"7","targets":[]})"), "\"targets\" is []");
  EXPECT_HAS(ErrorOf(R"({"input":"7","input_ids":[7]})"), "give one of them");
  EXPECT_HAS(ErrorOf(R"({"input":"7","target":"8","targets":["8"]})"), "give one of them");
}

TEST(Rows, ThatAreNoJsonObjectsAreNamed) {
  EXPECT_HAS(ErrorOf("{\"input\":\"7\"}\n\n"), "rows.jsonl:2: not valid JSON");
  EXPECT_HAS(ErrorOf("[1]"), "rows.jsonl:1: expected a JSON object");
  EXPECT_HAS(ErrorOf("{\"input\":\"\xFF\"}"), "not valid JSON");
  EXPECT_HAS(ErrorOf(R"({"input":"7","input":"8"})"), "the key \"input\" stands twice");
}

TEST(Rows, OfTextNeedATokenizerThatFitsTheModel) {
  EXPECT_HAS(ErrorOf(R"({"input":"7"})", false), "the model's folder has no tokenizer");
  EXPECT_HAS(ErrorOf(R"({"input":"100"})"), "the tokenizer does not belong to this model");
}

TEST(Rows, BeforeABadOneWereUsed) {
  const Outcome outcome =
      ReadLines("{\"input\":\"7\"}\n{\"input\":\"8\"}\nrubbish\n{\"input\":\"9\"}\n");
  EXPECT_EQ(outcome.rows.size(), 2U);
  EXPECT_EQ(ExitCode(outcome.status), 2);
}

TEST(Rows, StopWhereTheirUserFails) {
  const TempFolder folder;
  int calls = 0;
  const absl::Status status = ForEachRow(
      folder.Write("r", "{\"input_ids\":[1]}\n{\"input_ids\":[1]}\n"), nullptr, 9, [&](Row) {
        ++calls;
        return absl::CancelledError("enough");
      });
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace regroup
