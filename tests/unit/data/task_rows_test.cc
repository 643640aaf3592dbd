// Tasks: templates, readers, lengths, and the stream over their rows.
#include <gtest/gtest.h>

#include <set>

#include "data/rows.h"
#include "data/template.h"
#include "support/number_tokenizer.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;
using Texts = std::vector<std::string>;

TextTaskConfig Task(const std::string& reader, const std::string& input,
                    const std::string& target) {
  TextTaskConfig task;
  task.name = "numbers";
  task.reader = reader;
  task.input = input;
  task.target = target;
  return task;
}

absl::StatusOr<std::vector<Row>> ReadText(const TextTaskConfig& task, const std::string& content) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  return ReadTaskRows(task, folder.Write("data", content), tokenizer);
}

std::string ErrorOf(const TextTaskConfig& task, const std::string& content) {
  const absl::Status status = ReadText(task, content).status();
  EXPECT_EQ(ExitCode(status), 2) << content;
  return std::string(status.message());
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Template, PutsFieldsIntoText) {
  const auto made = Template::Parse("a {x} {{b}} {y}{x}", "t");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made->Apply(Json{{"x", "1"}, {"y", 2.5}}, "row"), Texts{"a 1 {b} 2.51"});
}

TEST(Template, GivesATextForEachEntryOfAList) {
  const auto made = Template::Parse("{x}-{y}", "t");
  EXPECT_EQ(*made->Apply(Json{{"x", {"1", "2", "3"}}, {"y", true}}, "row"),
            (Texts{"1-true", "2-true", "3-true"}));
  EXPECT_EQ(*made->Apply(Json{{"x", {"1", "2"}}, {"y", {"a", "b"}}}, "row"), (Texts{"1-a", "2-b"}));
}

TEST(Template, NamesFieldsThatARowLacks) {
  const auto made = Template::Parse("{articel}", "task t: input");
  const absl::Status status = made->Apply(Json{{"article", "x"}, {"id", 3}}, "f:7").status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_HAS(std::string(status.message()),
             "f:7: has no field \"articel\" (did you mean \"article\"?), which the template of "
             "task t: input names; its fields: article, id");
}

TEST(Template, RefusesValuesThatAreNoText) {
  const auto made = Template::Parse("{x}", "t");
  for (const Json& value : {Json(nullptr), Json::object(), Json::array(), Json{{1, 2}, {3}}}) {
    EXPECT_EQ(ExitCode(made->Apply(Json{{"x", value}}, "f:7").status()), 2) << value;
  }
}

TEST(Template, RefusesBracesThatDoNotPair) {
  for (const char* text : {"{x", "x}", "{}", "{a{b}}", "}"}) {
    EXPECT_EQ(ExitCode(Template::Parse(text, "t").status()), 2) << text;
  }
}

TEST(TaskRows, ReadJsonLines) {
  const auto rows =
      ReadText(Task("jsonl", "5 {a}", "{b}"),
               "{\"a\":\"6\",\"b\":[\"7\",\"8 9\"]}\n{\"id\":\"q\",\"a\":1,\"b\":\"2\"}\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].example.input_ids, (Ids{5, 6, kEosId}));
  EXPECT_EQ((*rows)[0].example.target_ids, (Ids{7, kEosId})) << "the first entry trains";
  EXPECT_EQ((*rows)[0].references, (Texts{"7", "8 9"}));
  EXPECT_EQ((*rows)[0].source_text, "5 6");
  EXPECT_EQ((*rows)[0].id, Json(0));
  EXPECT_EQ((*rows)[1].id, Json("q"));
}

TEST(TaskRows, ReadTsv) {
  const auto rows = ReadText(Task("tsv", "{a}", "{b}"), "a\tb\n5 6\t7\n\t8\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].example.input_ids, (Ids{5, 6, kEosId}));
  EXPECT_EQ((*rows)[1].example.input_ids, Ids{kEosId});
  EXPECT_HAS(ErrorOf(Task("tsv", "{a}", "{b}"), "a\tb\n5\n"), "data:2: has 1 columns");
  EXPECT_HAS(ErrorOf(Task("tsv", "{a}", "{b}"), "a\ta\n"), "two columns are named \"a\"");
  EXPECT_HAS(ErrorOf(Task("tsv", "{a}", "{b}"), ""), "is empty");
  EXPECT_HAS(ErrorOf(Task("tsv", "{a}", "{b}"), "a\tb\n5\t\xFF\n"), "data:2: not valid UTF-8");
}

TEST(TaskRows, ReadParallelFiles) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  const std::string source = folder.Write("a.en", "5\n6\n");
  const TextTaskConfig task = Task("parallel", "9 {source}", "{target}");
  const auto rows = ReadTaskRows(task, source + "," + folder.Write("a.de", "7\n8\n"), tokenizer);
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[1].example.input_ids, (Ids{9, 6, kEosId}));
  EXPECT_EQ((*rows)[1].references, Texts{"8"});
  const auto shorter = ReadTaskRows(task, source + "," + folder.Write("b.de", "7\n"), tokenizer);
  EXPECT_EQ(ExitCode(shorter.status()), 2);
  EXPECT_HAS(std::string(shorter.status().message()), "b.de: ends after line 1");
  EXPECT_EQ(ExitCode(ReadTaskRows(task, source, tokenizer).status()), 2);
}

TEST(TaskRows, ReadSquadJson) {
  const std::string squad = R"({"version":"1.1","data":[{"title":"T","paragraphs":[{"context":"5 6",
    "qas":[{"id":"q1","question":"7","answers":[{"text":"5","answer_start":0},{"text":"6","answer_start":2}]},
           {"id":"q2","question":"8","answers":[{"text":"6","answer_start":2}]}]}]}]})";
  const TextTaskConfig task = Task("squad", "{question} {context}", "{answers}");
  const auto rows = ReadText(task, squad);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].id, Json("q1"));
  EXPECT_EQ((*rows)[0].example.input_ids, (Ids{7, 5, 6, kEosId}));
  EXPECT_EQ((*rows)[0].references, (Texts{"5", "6"}));
  EXPECT_HAS(ErrorOf(task, R"({"data":[{"paragraphs":[{"context":"5","qas":[{"id":"q"}]}]}]})"),
             "data: q: \"question\" is missing");
  EXPECT_HAS(ErrorOf(task, R"({"data":[{"paragraphs":[{"context":"5","qas":[{"id":"q",)"
                           R"("question":"x","answers":[]}]}]}]})"),
             "data: q: answers: is an empty list");
  EXPECT_HAS(ErrorOf(task, "[]"), "expected an object with \"data\", as in SQuAD");
}

TEST(TaskRows, AreCutToLengthsWithEosLast) {
  TextTaskConfig task = Task("tsv", "{a}", "{b}");
  task.lengths = {4, 3};
  const auto rows = ReadText(task, "a\tb\n5 6 7\t8 9\n5 6 7 8\t8 9 10\n");
  ASSERT_TRUE(rows.ok());
  EXPECT_EQ((*rows)[0].example.input_ids, (Ids{5, 6, 7, kEosId}));
  EXPECT_FALSE((*rows)[0].truncated || (*rows)[0].target_truncated);
  EXPECT_EQ((*rows)[1].example.input_ids, (Ids{5, 6, 7, kEosId}));
  EXPECT_EQ((*rows)[1].example.target_ids, (Ids{8, 9, kEosId}));
  EXPECT_TRUE((*rows)[1].truncated && (*rows)[1].target_truncated);
  EXPECT_EQ((*rows)[1].references, Texts{"8 9 10"}) << "references stay whole";
}

TEST(TaskRows, NameUnknownReadersAndEmptyFiles) {
  EXPECT_HAS(ErrorOf(Task("jsnl", "{a}", "{b}"), "{}"), "did you mean \"jsonl\"?");
  EXPECT_HAS(ErrorOf(Task("jsonl", "{a}", "{b}"), ""), "holds no rows");
  EXPECT_HAS(ErrorOf(Task("jsonl", "{a", "{b}"), "{}"), "task numbers: input: ");
}

std::unique_ptr<ExampleStream> Stream(uint64_t seed) {
  std::vector<Row> rows(10);
  for (int32_t i = 0; i < 10; ++i) {
    rows[static_cast<size_t>(i)].example.input_ids = {i};
    rows[static_cast<size_t>(i)].example.target_ids = {i};
  }
  return MakeTaskStream(std::move(rows), Json{{"k", 1}}, seed, /*source_length=*/8);
}

Ids Take(ExampleStream& stream, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) {
    const uint64_t position = stream.position();
    const Example example = *stream.Next();
    EXPECT_EQ(example.position, position);
    ids.push_back(example.input_ids.front());
  }
  return ids;
}

TEST(TaskStream, GivesEveryRowOnceAnEpochInAnOrderOfItsOwn) {
  const auto stream = Stream(1);
  std::set<Ids> orders;
  for (int epoch = 0; epoch < 5; ++epoch) {
    const Ids ids = Take(*stream, 10);
    EXPECT_EQ(std::set<int32_t>(ids.begin(), ids.end()).size(), 10U);
    orders.insert(ids);
  }
  EXPECT_GE(orders.size(), 4U);
  EXPECT_NE(Take(*Stream(1), 10), Take(*Stream(2), 10));
}

TEST(TaskStream, SeekingEqualsReadingThrough) {
  const Ids all = Take(*Stream(1), 60);
  const auto stream = Stream(1);
  for (const uint64_t position : {37U, 3U, 3U, 45U, 9U, 10U, 11U, 0U}) {
    ASSERT_TRUE(stream->Seek(position, Json()).ok());
    EXPECT_EQ(stream->position(), position);
    const Ids ids = Take(*stream, 12);
    EXPECT_EQ(ids, Ids(all.begin() + static_cast<int64_t>(position),
                       all.begin() + static_cast<int64_t>(position) + 12));
  }
}

}  // namespace
}  // namespace regroup
