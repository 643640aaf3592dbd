// `evaluate`: where its predictions go, what it takes from generation_config.json, what overflows.
#include <filesystem>
#include <sstream>

#include "core/files.h"
#include "evaluate/commands.h"
#include "evaluate/score.h"
#include "unit/evaluate/tiny_model.h"

namespace regroup {
namespace {

// A model folder with a vocabulary of at most TinyConfig's 64 ids.
std::string WriteModelWithVocabulary(const std::string& folder, const StateDict& weights) {
  WriteTinyModel(folder, weights);
  TokenizerTraining training;
  training.sentences = {"the cat sat on the mat", "a dog ran over a log", "the dog sat"};
  training.vocab_size = 40;
  training.extra_ids = 4;
  EXPECT_TRUE(TrainTokenizer(training, folder).ok());
  return folder;
}

struct Setting {
  std::string folder = TestFolder();
  std::filesystem::path before = std::filesystem::current_path();
  EvaluateRequest request;

  explicit Setting(const StateDict& weights = TinyWeights(TinyConfig())) {
    request.model = WriteModelWithVocabulary(folder + "/one/step-00000150", weights);
    request.data = WriteText(folder + "/rows.jsonl",
                             "{\"in\": \"the cat\", \"out\": \"sat\"}\n"
                             "{\"in\": \"a dog\", \"out\": \"ran\"}\n");
    request.task.text = {"copy", "{in}", "{out}", "jsonl", {16, 6}};
    request.task.metrics = {"exact_match"};
    request.task.metric_options.bootstrap = 10;
    request.json = true;
    std::filesystem::current_path(folder);
  }
  ~Setting() { std::filesystem::current_path(before); }
  absl::Status Run() {
    std::ostringstream out;
    const absl::Status status = EvaluateFile(request, out);
    if (status.ok()) printed = Json::parse(out.str());
    return status;
  }
  Json printed;
};

TEST(EvaluateFile, PredictionsOfTwoRunsAtTheSameStepDoNotMeet) {
  Setting setting;
  ASSERT_TRUE(setting.Run().ok());
  EXPECT_EQ(setting.printed["predictions"], "one.step-00000150.copy.predictions.jsonl");
  setting.request.model =
      WriteModelWithVocabulary(setting.folder + "/two/step-00000150", TinyWeights(TinyConfig()));
  ASSERT_TRUE(setting.Run().ok());
  EXPECT_EQ(setting.printed["predictions"], "two.step-00000150.copy.predictions.jsonl");
  EXPECT_TRUE(FileExists(setting.folder + "/one.step-00000150.copy.predictions.jsonl"));
}

TEST(EvaluateFile, OneRowHasNoShuffledReferencesAndIsPrintedAllTheSame) {
  Setting setting;
  WriteText(setting.request.data, "{\"in\": \"the cat\", \"out\": \"sat\"}\n");
  ASSERT_TRUE(setting.Run().ok());
  EXPECT_TRUE(setting.printed["shuffled"].empty());
  setting.request.json = false;
  std::ostringstream table;
  ASSERT_TRUE(EvaluateFile(setting.request, table).ok());
  EXPECT_NE(table.str().find("copy, test, 1 rows"), std::string::npos) << table.str();
}

TEST(EvaluateFile, NeverWritesIntoItsOwnData) {
  Setting setting;
  const std::string rows = ReadText(setting.request.data);
  setting.request.predictions = setting.request.data;
  EXPECT_EQ(ExitCode(setting.Run()), 2);
  EXPECT_EQ(ReadText(setting.request.data), rows);
}

TEST(EvaluateFile, TheEndTokenComesFromTheGenerationConfigFirst) {
  Setting setting;
  ASSERT_TRUE(setting.Run().ok());
  EXPECT_GT(setting.printed["at_length_limit"], 0);
  int64_t ended = 2;  // with every id as end token, some row ends before the limit
  for (int id = 2; id < 64; ++id) {
    WriteText(setting.request.model + "/generation_config.json",
              DumpJson(Json{{"eos_token_id", id}}));
    ASSERT_TRUE(setting.Run().ok());
    ended = std::min(ended, setting.printed["at_length_limit"].get<int64_t>());
  }
  EXPECT_LT(ended, 2);
  WriteText(setting.request.model + "/generation_config.json", "{\"eos_token_id\": \"x\"}");
  EXPECT_EQ(ExitCode(setting.Run()), 2);
}

TEST(EvaluateFile, ARowThatOverflowsIsNamed) {
  StateDict weights = TinyWeights(TinyConfig());
  at::Tensor& head = weights["lm_head.weight"];
  head = head / head.abs().max() * 3e38;
  Setting setting(weights);
  const absl::Status status = setting.Run();
  EXPECT_EQ(ExitCode(status), 1);
  EXPECT_NE(status.ToString().find("row "), std::string::npos) << status;
  EXPECT_EQ(ListFolder(setting.folder).value(), (std::vector<std::string>{"one", "rows.jsonl"}));
}

TEST(CheckFinite, NamesTheFirstRowWithoutANumber) {
  const std::vector<Example> examples = TinyExamples(2);
  std::vector<Example> named = examples;
  named[1].id = "b";
  const std::vector<RowScore> scores = {{1, 2.0}, {1, std::nan("")}};
  EXPECT_NE(CheckFinite(scores, named).message().find("row b: its loss is nan"),
            absl::string_view::npos);
  EXPECT_TRUE(CheckFinite({scores.data(), 1}, named).ok());
}

}  // namespace
}  // namespace regroup
