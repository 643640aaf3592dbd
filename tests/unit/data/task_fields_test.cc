// Fields before the templates: booleans, replacements, lines; windows around the target; TriviaQA.
#include "data/task_fields.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "data/rows.h"
#include "data/trivia_qa.h"
#include "support/number_tokenizer.h"
#include "support/temp_folder.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

std::string Message(const absl::Status& status) {
  EXPECT_EQ(ExitCode(status), 2) << status;
  return std::string(status.message());
}

absl::StatusOr<Json> Prepared(const TaskFieldsConfig& config, const Json& row) {
  const auto fields = TaskFields::Create(config, "task t");
  return fields.ok() ? fields->Prepare(row, "f:7") : fields.status();
}

TEST(TaskFields, LeaveARowAsItIsWithoutConfiguration) {
  const Json row = {{"a", true}, {"b", {"x", 1}}, {"c", {{"d", nullptr}}}};
  EXPECT_EQ(*Prepared({}, row), row);
}

TEST(TaskFields, WriteBooleansAsTheTaskSays) {
  const Json row = {{"a", true}, {"b", {false, "true"}}};
  EXPECT_EQ(*Prepared({{"no", "yes"}, {}, {}}, row), (Json{{"a", "yes"}, {"b", {"no", "true"}}}));
  EXPECT_HAS(Message(Prepared({{"no"}, {}, {}}, row).status()), "task t: booleans: has 1 entries");
}

TEST(TaskFields, ReplaceInTextsAndLists) {
  const Json row = {{"a", "x NL y NL"}, {"b", {"<S> z </S>"}}, {"c", 5}};
  EXPECT_EQ(*Prepared({{}, {{"NL", "\n"}, {"<S>", ""}, {"</S>", ""}}, {}}, row),
            (Json{{"a", "x \n y \n"}, {"b", {" z "}}, {"c", 5}}));
}

TEST(TaskFields, MakeAnEmptyTextOfEmptyLists) {
  const Json row = {{"sentences", Json::array()}};
  EXPECT_EQ((*Prepared({{}, {}, {{"article", "{sentences}"}}}, row))["article"], "");
}

TEST(TaskFields, MakeLinesOfLists) {
  const Json row = {{"who", {"A", "B"}}, {"says", {" one", "two "}}, {"when", "now"}};
  const auto made = Prepared({{}, {}, {{"talk", "{when} {who}:{says}"}}}, row);
  EXPECT_EQ((*made)["talk"], "now A: one\nnow B:two");
  const Json uneven = {{"who", {"A", "B"}}, {"says", {"one"}}, {"when", "now"}};
  EXPECT_HAS(Message(Prepared({{}, {}, {{"talk", "{who}:{says}"}}}, uneven).status()),
             "f:7: talk: \"who\" has 2 entries, \"says\" has 1");
  EXPECT_HAS(Message(Prepared({{}, {}, {{"who", "{says}"}}}, row).status()), "is a field already");
  EXPECT_HAS(Message(Prepared({{}, {}, {{"x", "{sayz}"}}}, row).status()),
             "did you mean \"says\"?");
}

TextTaskConfig Task(const std::string& reader) {
  TextTaskConfig task;
  task.name = "numbers";
  task.reader = reader;
  task.input = "1 2 {context}";
  task.target = "{answers}";
  return task;
}

TEST(TaskRowsOfFields, AListInTheSourceIsNamed) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  const auto path = folder.Write("data", R"({"context": ["5", "6"], "answers": "7"})");
  TextTaskConfig task = Task("jsonl");
  EXPECT_HAS(Message(ReadTaskRows(task, path, tokenizer).status()),
             "data:1: the input template gives 2 texts");
  task.fields.lines = {{"joined", "{context}"}};
  task.input = "1 2 {joined}";
  EXPECT_EQ((*ReadTaskRows(task, path, tokenizer))[0].example.input_ids, (Ids{1, 2, 5, 6, 1}));
}

TEST(TaskRowsOfFields, ReadAListOfObjects) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  const auto path = folder.Write("data", R"([{"context": "5", "answers": "7"}, {"context": "6"}])");
  EXPECT_HAS(Message(ReadTaskRows(Task("json"), path, tokenizer).status()),
             "data: row 1: has no field \"answers\"");
  folder.Write("data", R"([{"context": "5", "answers": "7"}])");
  EXPECT_EQ((*ReadTaskRows(Task("json"), path, tokenizer))[0].example.target_ids, (Ids{7, 1}));
  folder.Write("data", R"({"context": "5", "answers": "7"})");
  EXPECT_HAS(Message(ReadTaskRows(Task("json"), path, tokenizer).status()), "expected a list");
}

// A context of the numbers 100 to 199; sources are at most 13 long: 2 of the prompt, 10, EOS.
std::string Numbers(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += (text.empty() ? "" : " ") + std::to_string(i);
  return text;
}

std::vector<Row> Windowed(const std::string& answers, RowUse purpose = RowUse::kTraining) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  TextTaskConfig task = Task("jsonl");
  task.window = "context";
  task.lengths = {13, 8};
  const Json row = {{"context", Numbers(100, 199)}, {"answers", answers}};
  const auto rows = ReadTaskRows(task, folder.Write("data", DumpJson(row)), tokenizer, purpose);
  return rows.ok() ? *rows : std::vector<Row>();
}

Ids WindowAt(const std::vector<Row>& rows, uint64_t seed, uint64_t position) {
  const auto stream = MakeTaskStream(rows, Json(), seed, 13);
  EXPECT_TRUE(stream->Seek(position, Json()).ok());
  return stream->Next()->input_ids;
}

TEST(Windows, HoldThePromptAndTheTargetAndAreEveryOneOfThose) {
  const auto rows = Windowed("150 151 152");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].truncated);
  std::set<int32_t> starts;
  for (uint64_t position = 0; position < 300; ++position) {
    const Ids ids = WindowAt(rows, 1, position);
    ASSERT_EQ(ids.size(), 13U);
    EXPECT_EQ((Ids{ids[0], ids[1], ids.back()}), (Ids{1, 2, kEosId}));
    for (size_t i = 3; i < 12; ++i) EXPECT_EQ(ids[i], ids[i - 1] + 1);
    starts.insert(ids[2]);
  }
  EXPECT_EQ(starts, (std::set<int32_t>{143, 144, 145, 146, 147, 148, 149, 150}));
}

TEST(Windows, AreAFunctionOfSeedAndPosition) {
  const auto rows = Windowed("150");
  int other_position = 0;
  int other_seed = 0;
  for (uint64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(WindowAt(rows, 1, position), WindowAt(rows, 1, position));
    other_position += WindowAt(rows, 1, position) != WindowAt(rows, 1, position + 1) ? 1 : 0;
    other_seed += WindowAt(rows, 1, position) != WindowAt(rows, 2, position) ? 1 : 0;
  }
  EXPECT_GT(other_position, 30);
  EXPECT_GT(other_seed, 30);
}

TEST(Windows, StopAtTheEndsOfTheContext) {
  const auto first = Windowed("100");
  const auto last = Windowed("199");
  for (uint64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(WindowAt(first, 1, position)[2], 100);
    EXPECT_EQ(WindowAt(last, 1, position)[11], 199);
  }
}

TEST(Windows, ReadTheBeginningInEvaluation) {
  const auto rows = Windowed("150", RowUse::kEvaluation);
  EXPECT_EQ(rows[0].window, nullptr);
  EXPECT_EQ(rows[0].example.input_ids,
            (Ids{1, 2, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 1}))
      << "12 ids and EOS";
}

TEST(Windows, RowsWithoutOneAreLeftOutAndCounted) {
  EXPECT_TRUE(Windowed("777").empty()) << "not in the context";
  EXPECT_TRUE(Windowed(Numbers(150, 160)).empty()) << "11 ids beside 10";
  EXPECT_EQ(Windowed(Numbers(150, 159)).size(), 1U);
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  TextTaskConfig task = Task("jsonl");
  task.window = "context";
  task.lengths = {13, 8};
  const std::string data = DumpJson({{"context", Numbers(100, 199)}, {"answers", "777"}}) + "\n" +
                           DumpJson({{"context", "5"}, {"answers", "777"}}) + "\n";
  testing::internal::CaptureStderr();
  const auto rows = ReadTaskRows(task, folder.Write("data", data), tokenizer, RowUse::kTraining);
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0].example.input_ids, (Ids{1, 2, 5, 1})) << "short sources stay, as in T5";
  EXPECT_HAS(said, "data: 1 rows, 0 sources longer than 13 tokens and 0 targets longer than 8");
  EXPECT_HAS(said, "1 rows left out: no window of the source holds the target");
}

TEST(Windows, NeedTheirFieldAtTheEndOfTheSource) {
  const TempFolder folder;
  const NumberTokenizer tokenizer(1000, 100);
  TextTaskConfig task = Task("jsonl");
  task.window = "answers";
  const auto path = folder.Write("data", R"({"context": "5", "answers": "7"})");
  EXPECT_HAS(Message(ReadTaskRows(task, path, tokenizer).status()), "names answers, expected");
}

TEST(TriviaQa, PadsPunctuationAsT5Does) {
  EXPECT_EQ(PadPunctuation("St. Louis\n\n(USA)  isn't_it?"), "St . Louis ( USA ) isn ' t _ it ? ");
  EXPECT_EQ(PadPunctuation("Fran\u00E7ois \u201Cx\u201D"), "Fran\u00E7ois \u201Cx\u201D")
      << "ASCII punctuation only";
  EXPECT_EQ(PadPunctuation(""), "");
}

// A folder with qa/a.json of one question, and evidence.
class TriviaQaFiles : public testing::Test {
 protected:
  TriviaQaFiles() {
    for (const char* name : {"qa", "evidence/wikipedia", "evidence/web/3", "other/wikipedia"})
      std::filesystem::create_directories(folder_.File(name));
    datum_ = Json{{"Question", "Who?"},
                  {"QuestionId", "q1"},
                  {"Answer", {{"Value", "Bob"}, {"NormalizedAliases", {"bob", ""}}}},
                  {"EntityPages", {{{"Filename", "A.txt"}}}}};
    folder_.Write("evidence/wikipedia/A.txt", "It was BOB.");
  }

  absl::Status Read(RowUse purpose, const std::string& evidence = "") {
    rows_.clear();
    const std::string path = folder_.Write("qa/a.json", DumpJson(Json{{"Data", {datum_}}}));
    testing::internal::CaptureStderr();
    const absl::Status status =
        ReadTriviaQa(path, evidence, purpose, [&](const Json& row, const std::string&) {
          rows_.push_back(row);
          return absl::OkStatus();
        });
    said_ = testing::internal::GetCapturedStderr();
    return status;
  }

  TempFolder folder_;
  Json datum_;
  std::vector<Json> rows_;
  std::string said_;
};

TEST_F(TriviaQaFiles, PairDocumentsWithTheAliasesInThem) {
  ASSERT_TRUE(Read(RowUse::kTraining).ok());
  EXPECT_EQ(rows_, (std::vector<Json>{{{"id", "q1"},
                                       {"question", "Who ?"},
                                       {"context", "It was BOB ."},
                                       {"answers", {"bob"}}}}));
  EXPECT_HAS(said_, "1 questions with 1 documents, 0 of them without any answer");
}

TEST_F(TriviaQaFiles, TakeAliasesAsTheyAreSpelled) {
  datum_["Answer"]["NormalizedAliases"] = {"b.b", "was"};
  ASSERT_TRUE(Read(RowUse::kTraining).ok());
  ASSERT_EQ(rows_.size(), 1U) << "no regular expressions";
  EXPECT_EQ(rows_[0]["answers"], (Json{"was", "b.b"}));
}

TEST_F(TriviaQaFiles, ComeFromTheFolderThatIsNamed) {
  folder_.Write("other/wikipedia/A.txt", "bob again");
  ASSERT_TRUE(Read(RowUse::kEvaluation, folder_.File("other")).ok());
  EXPECT_EQ(rows_[0]["context"], "bob again");
}

TEST_F(TriviaQaFiles, NameWhatIsMissing) {
  datum_["SearchResults"] = Json::array({Json{{"Filename", "3/3_1.txt"}}});
  const std::string message = Message(Read(RowUse::kTraining));
  EXPECT_HAS(message, folder_.File("evidence/web/3/3_1.txt") + ": is missing");
  EXPECT_HAS(message, "qa/a.json: q1");
  folder_.Write("evidence/web/3/3_1.txt", "\xFF");
  EXPECT_HAS(Message(Read(RowUse::kTraining)), "3_1.txt");
  datum_["SearchResults"] = Json::array({Json{{"Filename", "../../x"}}});
  EXPECT_HAS(Message(Read(RowUse::kTraining)), "outside the evidence");
}

TEST_F(TriviaQaFiles, NameWhatIsOfAnotherForm) {
  datum_.erase("Answer");
  EXPECT_HAS(Message(Read(RowUse::kEvaluation)), "a.json: q1: has no \"Answer\"");
  datum_["Answer"] = Json{{"NormalizedAliases", Json::array()}};
  EXPECT_HAS(Message(Read(RowUse::kEvaluation)), "holds no answer");
  datum_["Answer"] = Json{{"NormalizedAliases", {1}}};
  EXPECT_HAS(Message(Read(RowUse::kEvaluation)), "holds no text");
  datum_.erase("QuestionId");
  EXPECT_HAS(Message(Read(RowUse::kEvaluation)), "a.json: Data 0: \"QuestionId\" is missing");
  const auto path = folder_.Write("qa/b.json", R"({"data": []})");
  EXPECT_HAS(Message(ReadTriviaQa(path, "", RowUse::kTraining, nullptr)),
             "\"Data\" is missing or no array; expected TriviaQA's JSON");
}

}  // namespace
}  // namespace regroup
