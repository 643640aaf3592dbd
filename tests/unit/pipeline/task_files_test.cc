// Every task file under configs/task reads a small fixture of its data set's published layout
// (task_data/, made by hand), through the reader, the fields, the templates and the tokenizer.
#include <gtest/gtest.h>

#include <filesystem>

#include "data/rows.h"
#include "pipeline/context.h"
#include "recipe/task_file.h"

namespace regroup {
namespace {

using Texts = std::vector<std::string>;

const std::string& Source() {
  static const auto* path = new std::string(REGROUP_SOURCE_DIR);
  return *path;
}

std::string Fixture(const std::string& name) {
  return Source() + "/tests/unit/pipeline/task_data/" + name;
}

TaskConfig TaskOf(const std::string& name) {
  Problems problems;
  const TaskFile file = ReadTaskFile(Source() + "/configs/task/" + name + ".yaml", problems);
  EXPECT_TRUE(problems.empty()) << name;
  EXPECT_EQ(file.name, name);
  return ToTaskConfig(file);
}

std::vector<Row> RowsOf(const std::string& name, const std::string& data,
                        RowUse purpose = RowUse::kEvaluation) {
  const auto tokenizer = Tokenizer::Load(Source() + "/tests/golden/text");
  const auto rows = ReadTaskRows(TaskOf(name).text, data, **tokenizer, purpose);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.ok() ? *rows : std::vector<Row>();
}

struct Expected {
  std::string id, source;
  Texts references;
};

void ExpectRows(const std::vector<Row>& rows, const std::vector<Expected>& expected) {
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].example.id, expected[i].id);
    EXPECT_EQ(rows[i].source_text, expected[i].source);
    EXPECT_EQ(rows[i].references, expected[i].references);
  }
}

// Lengths in tokens and greedy decoding as in section 3.1 of the paper (arXiv 2305.13245).
TEST(TaskFiles, HaveThePapersLengths) {
  const std::map<std::string, std::pair<int64_t, int64_t>> lengths = {
      {"cnn_dailymail", {512, 256}}, {"wmt14_en_de", {512, 256}}, {"arxiv", {2048, 512}},
      {"pubmed", {2048, 512}},       {"mediasum", {2048, 512}},   {"multi_news", {2048, 512}},
      {"trivia_qa", {2048, 32}}};
  for (const auto& [name, expected] : lengths) {
    const TaskConfig task = TaskOf(name);
    EXPECT_EQ(task.text.lengths.source, expected.first) << name;
    EXPECT_EQ(task.text.lengths.target, expected.second) << name;
    EXPECT_EQ(task.decode.max_length, expected.second) << name;
    EXPECT_EQ(task.decode.beams, 1) << name;
  }
}

TEST(TaskFiles, AllAreTriedHere) {
  const Texts own = {"en_de", "package_qa", "titles"};  // run by recipes/quickstart.yaml
  for (const auto& entry : std::filesystem::directory_iterator(Source() + "/configs/task")) {
    const std::string name = entry.path().stem().string();
    const bool tried = std::filesystem::exists(Fixture(name));
    EXPECT_NE(tried, std::ranges::find(own, name) != own.end()) << name;
  }
}

TEST(TaskFiles, ReadCnnDailyMail) {
  ExpectRows(RowsOf("cnn_dailymail", Fixture("cnn_dailymail/test.jsonl")),
             {{"92c514c913c0bdfe25341af9fd72b29db544099b",
               "summarize: (CNN)The bridge over the river was opened on Monday. Hundreds of people "
               "walked across it.",
               {"The new bridge was opened on Monday .\nHundreds of people crossed it on foot ."}},
              {"2003841c7dc0e7c5b1a248f9cd536d727f27a45a",
               "summarize: A bakery in Leeds gave its bread away.",
               {"Bakery gives bread away ."}}});
}

TEST(TaskFiles, ReadArxivAndPubMed) {
  ExpectRows(RowsOf("arxiv", Fixture("arxiv/test.txt")),
             {{"0",
               "summarize: for about 20 years the problem of properties of series has been studied "
               ".\nmore precise results are given in @xcite .",
               {"the short - term periodicities of the daily areas are studied .\na period of "
                "@xmath0 days is found ."}}});
  ExpectRows(
      RowsOf("pubmed", Fixture("pubmed/test.txt")),
      {{"0",
        "summarize: anxiety affects quality of life in those living with the disease .\nit "
        "often overlaps with depression .",
        {"background : little is known about it .\nconclusion : more research is needed ."}}});
}

TEST(TaskFiles, ReadMediaSum) {
  ExpectRows(RowsOf("mediasum", Fixture("mediasum/test.json")),
             {{"NPR-11",
               "summarize: A HOST, host: This is the programme.\nDR. B GUEST (Botanist): And these "
               "are plants.",
               {"A plant knows its kin."}},
              {"CNN-4", "summarize: C REPORTER: It snows.", {"Snow falls."}}});
}

TEST(TaskFiles, ReadMultiNews) {
  ExpectRows(RowsOf("multi_news",
                    Fixture("multi_news/test.src.cleaned") + "," + Fixture("multi_news/test.tgt")),
             {{"0",
               "summarize: National Archives \n \n Yes, it is that time again. ||||| The economy "
               "added 290,000 jobs. \n ",
               {"– The jobs are back, and it is that time again."}},
              {"1",
               "summarize: LOS ANGELES (AP) A film opens. ||||| It opened well.",
               {"– A film opens well."}}});
}

TEST(TaskFiles, ReadWmt14) {
  ExpectRows(
      RowsOf("wmt14_en_de", Fixture("wmt14_en_de/test.en") + "," + Fixture("wmt14_en_de/test.de")),
      {{"0",
        "translate English to German: Gutach: Increased safety for pedestrians",
        {"Gutach: Noch mehr Sicherheit für Fußgänger"}},
       {"1",
        "translate English to German: They are not even 100 metres apart: \"Finally\", he "
        "says.",
        {"Sie stehen keine 100 Meter voneinander entfernt: „Endlich“, sagt er."}}});
}

TEST(TaskFiles, ReadBoolQ) {
  ExpectRows(RowsOf("boolq", Fixture("boolq/test.jsonl")),
             {{"0",
               "boolq passage: Property tax or 'house tax' is a local tax on buildings. question: "
               "is house tax and property tax are same",
               {"True"}},
              {"1",
               "boolq passage: Phantom pain is a perception. question: is pain experienced in a "
               "missing body part a dream",
               {"False"}}});
}

TEST(TaskFiles, ReadClosedBookQuestions) {
  ExpectRows(
      RowsOf("closed_book", Fixture("closed_book/test.jsonl")),
      {{"0", "trivia_qa question: What is the capital of France?", {"Paris", "Paris, France"}}});
  ExpectRows(RowsOf("nq_open", Fixture("nq_open/test.jsonl")),
             {{"0",
               "nq question: when was the last time anyone was on the moon",
               {"14 December 1972 UTC", "December 1972"}}});
}

// A row for each document and alias in it; West_End.txt holds no answer to either question.
TEST(TaskFiles, ReadTriviaQaForTraining) {
  testing::internal::CaptureStderr();
  const auto rows =
      RowsOf("trivia_qa", Fixture("trivia_qa/qa/wikipedia-train.json"), RowUse::kTraining);
  const std::string said = testing::internal::GetCapturedStderr();
  const std::string prompt =
      "question: Which Lloyd Webber musical premiered in the US on 10th December 1993 ? context: ";
  ExpectRows(rows, {{"tc_33", prompt, {"sunset boulevard", "sunset blvd"}},
                    {"tc_33", prompt, {"sunset blvd", "sunset boulevard"}},
                    {"tc_33", prompt, {"sunset boulevard", "sunset blvd"}}});
  EXPECT_NE(said.find("2 questions with 4 documents, 2 of them without any answer"),
            std::string::npos)
      << said;
  const auto tokenizer = *Tokenizer::Load(Source() + "/tests/golden/text");
  EXPECT_EQ(rows[0].example.input_ids.back(), kEosId);
  std::vector<int32_t> whole = tokenizer->Encode(
      prompt +
      "Andrew Lloyd Webber is an English composer . His works include \" Cats \" ( 1981 ) , and "
      "Sunset Boulevard , which opened in Los Angeles in 1993 .");
  whole.push_back(kEosId);
  EXPECT_EQ(rows[0].example.input_ids, whole) << "prompt and context, as if encoded at once";
}

TEST(TaskFiles, ReadTriviaQaForEvaluation) {
  ExpectRows(
      RowsOf("trivia_qa", Fixture("trivia_qa/qa/wikipedia-train.json")),
      {{"tc_33",
        "question: Which Lloyd Webber musical premiered in the US on 10th December 1993 ? context: "
        "Andrew Lloyd Webber is an English composer . His works include \" Cats \" ( 1981 ) , and "
        "Sunset Boulevard , which opened in Los Angeles in 1993 . The West End is a district of "
        "London . It has many theatres . Sunset Blvd . is a street ; SUNSET BOULEVARD is a "
        "musical .",
        {"sunset blvd", "sunset boulevard"}},
       {"tc_2",
        "question: Who was the man behind The Chipmunks ? context: The West End is a district of "
        "London . It has many theatres .",
        {"david seville", "Ross Bagdasarian, Sr."}}});
}

}  // namespace
}  // namespace regroup
