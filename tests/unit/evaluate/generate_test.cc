// `generate`: lines of the contract, input order, and a file that survives kills.
#include <filesystem>
#include <sstream>

#include "core/files.h"
#include "evaluate/commands.h"
#include "unit/evaluate/tiny_model.h"

namespace regroup {
namespace {

struct Setting {
  std::string folder = TestFolder();
  GenerateRequest request;

  Setting() {
    request.model = WriteTinyModel(folder + "/model", TinyWeights(TinyConfig()));
    request.data = WriteText(folder + "/rows.jsonl", RowLines(TinyExamples(30)));
    request.decode.max_length = 6;
    request.decode.batch_tokens = 20;  // many small batches and windows
  }
  std::string Stdout() {
    std::ostringstream out;
    GenerateRequest plain = request;
    plain.output.clear();
    const absl::Status status = GenerateFile(plain, out);
    EXPECT_TRUE(status.ok()) << status;
    return out.str();
  }
  absl::Status ToFile() {
    request.output = folder + "/out.jsonl";
    std::ostringstream out;
    const absl::Status status = GenerateFile(request, out);
    EXPECT_EQ(out.str(), "");
    return status;
  }
};

TEST(Generate, WritesTheContractsLinesInInputOrder) {
  std::istringstream lines(Setting().Stdout());
  size_t row = 0;
  for (std::string text; std::getline(lines, text); ++row) {
    const Json line = Json::parse(text);
    std::vector<std::string> keys;
    for (const auto& [key, value] : line.items()) keys.push_back(key);
    EXPECT_EQ(keys, (std::vector<std::string>{"id", "output_ids", "output", "score", "finish"}));
    EXPECT_EQ(line["id"], "row " + std::to_string(row));
    EXPECT_TRUE(line["output"].is_null());
    const bool ended = line["output_ids"].back() == 1;
    EXPECT_EQ(line["finish"], ended ? "eos" : "length");
    EXPECT_LE(line["output_ids"].size(), 6u);
    EXPECT_LT(line["score"].get<double>(), 0);
  }
  EXPECT_EQ(row, 30u);
}

TEST(Generate, WritesTheBestHypothesesBesideTheBestOne) {
  Setting setting;
  setting.request.decode.beams = 3;
  const std::string one = setting.Stdout();
  setting.request.decode.n_best = 2;
  std::istringstream best(one), several(setting.Stdout());
  int64_t rows = 0;
  for (std::string x, y; std::getline(best, x) && std::getline(several, y); ++rows) {
    const Json alone = Json::parse(x);
    Json line = Json::parse(y);
    const Json list = line["n_best"];
    line.erase("n_best");
    EXPECT_EQ(line, alone);
    ASSERT_EQ(list.size(), 2u);
    line.erase("id");
    EXPECT_EQ(list[0], line);
    EXPECT_EQ(list[1].size(), line.size());
    EXPECT_NE(list[1]["output_ids"], list[0]["output_ids"]);
    EXPECT_LE(list[1]["score"].get<double>(), list[0]["score"].get<double>());
  }
  EXPECT_EQ(rows, 30);
}

TEST(Generate, RefusesMoreHypothesesThanBeams) {
  Setting setting;
  setting.request.decode.n_best = 2;
  EXPECT_EQ(ExitCode(setting.ToFile()), 2);
  EXPECT_FALSE(FileExists(setting.folder + "/out.jsonl"));
}

TEST(Generate, TakesTheRulesOfTokensOfTheModelsGenerationConfigButNotItsBeams) {
  Setting setting;
  setting.request.decode.no_repeat_ngram_size = 1;
  const std::string asked = setting.Stdout();
  setting.request.decode.no_repeat_ngram_size.reset();
  const std::string greedy = setting.Stdout();
  WriteText(setting.request.model + "/generation_config.json",
            R"({"num_beams": 4, "length_penalty": 2.0, "no_repeat_ngram_size": 1})");
  EXPECT_EQ(setting.Stdout(), asked);
  EXPECT_NE(asked, greedy);
  setting.request.decode.no_repeat_ngram_size = 0;
  EXPECT_EQ(setting.Stdout(), greedy);
}

TEST(Generate, GivesTheSameIdsInOneBatchAndInMany) {
  Setting setting;
  const std::string many = setting.Stdout();
  setting.request.decode.batch_tokens = 100000;
  std::istringstream a(many), b(setting.Stdout());
  for (std::string x, y; std::getline(a, x) && std::getline(b, y);) {
    EXPECT_EQ(Json::parse(x)["output_ids"], Json::parse(y)["output_ids"]);
    EXPECT_NEAR(Json::parse(x)["score"].get<double>(), Json::parse(y)["score"].get<double>(), 1e-5);
  }
}

TEST(Generate, EndsWithTheSameBytesWhereverItWasKilled) {
  Setting setting;
  ASSERT_TRUE(setting.ToFile().ok());
  const std::string whole = ReadText(setting.request.output);
  EXPECT_EQ(whole, setting.Stdout());
  for (const size_t kept : {size_t{0}, size_t{1}, size_t{40}, whole.size() / 3, whole.size() / 2,
                            whole.size() - 1, whole.size()}) {
    WriteText(setting.request.output, whole.substr(0, kept));
    const absl::Status status = setting.ToFile();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(ReadText(setting.request.output), whole) << "killed after byte " << kept;
  }
}

TEST(Generate, GoesOnOnlyWithTheOptionsThatBeganTheFile) {
  Setting setting;
  ASSERT_TRUE(setting.ToFile().ok());
  setting.request.decode.max_length = 5;
  const absl::Status status = setting.ToFile();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_NE(status.ToString().find("max_length"), std::string::npos) << status;
}

TEST(Generate, LeavesAFileAloneThatIsNotItsOwn) {
  Setting setting;
  const std::string path = WriteText(setting.folder + "/out.jsonl", "{\"name\": 1}\nnotes\n");
  EXPECT_EQ(ExitCode(setting.ToFile()), 2);
  EXPECT_EQ(ReadText(path), "{\"name\": 1}\nnotes\n");
}

// A person's file without a final newline looks like a torn line.
TEST(Generate, TakesUpOnlyAFileThatItBegan) {
  Setting setting;
  const std::string path = setting.folder + "/out.jsonl";
  for (const std::string& text : {std::string("my thesis"), std::string("{\"id\": 1}\n"),
                                  std::string("{\"id\": \"row 0\", \"output_ids\": [1]}\n")}) {
    WriteText(path, text);
    EXPECT_EQ(ExitCode(setting.ToFile()), 2) << text;
    EXPECT_EQ(ReadText(path), text);
    EXPECT_FALSE(FileExists(path + ".run.json"));
  }
  WriteText(path, "");
  WriteText(path + ".run.json", "{\"mine\": 1}");
  EXPECT_EQ(ExitCode(setting.ToFile()), 2);
  EXPECT_EQ(ReadText(path + ".run.json"), "{\"mine\": 1}");
  std::filesystem::remove(path + ".run.json");
  EXPECT_TRUE(setting.ToFile().ok()) << "an empty file may be used";
}

TEST(Generate, NeverWritesIntoItsOwnData) {
  Setting setting;
  const std::string rows = ReadText(setting.request.data);
  std::filesystem::create_hard_link(setting.request.data, setting.folder + "/out.jsonl");
  const absl::Status status = setting.ToFile();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_NE(status.ToString().find("is the --data file itself"), std::string::npos) << status;
  EXPECT_EQ(ReadText(setting.request.data), rows);
}

TEST(Generate, AnUnusableOutputIsRefusedAndNothingIsLeft) {
  Setting setting;
  std::ostringstream out;
  for (const std::string name : {"/model", "/missing/out.jsonl", "/rows.jsonl/out.jsonl"}) {
    setting.request.output = setting.folder + name;
    EXPECT_EQ(ExitCode(GenerateFile(setting.request, out)), 2) << name;
    EXPECT_FALSE(FileExists(setting.request.output + ".run.json")) << name;
  }
  EXPECT_EQ(ListFolder(setting.folder).value(), (std::vector<std::string>{"model", "rows.jsonl"}));
  setting.request.output = "/dev/null";
  EXPECT_TRUE(GenerateFile(setting.request, out).ok());
  EXPECT_FALSE(FileExists("/dev/null.run.json"));
}

TEST(Generate, AnotherEndTokenIsAnotherRun) {
  Setting setting;
  ASSERT_TRUE(setting.ToFile().ok());
  WriteText(setting.request.model + "/generation_config.json", "{\"eos_token_id\": 9}");
  const absl::Status status = setting.ToFile();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_NE(status.ToString().find("another config"), std::string::npos) << status;
}

TEST(Generate, StartAndEndTokenComeFromTheGenerationConfigFirst) {
  Setting setting;
  const std::string before = setting.Stdout();
  WriteText(setting.request.model + "/generation_config.json", "{\"decoder_start_token_id\": 7}");
  EXPECT_NE(setting.Stdout(), before);
  // The first id that the model generates becomes the end token: every such row ends at once.
  const Json first = Json::parse(before.substr(0, before.find('\n')));
  const int64_t id = first["output_ids"][0];
  WriteText(setting.request.model + "/generation_config.json",
            DumpJson(Json{{"decoder_start_token_id", 0}, {"eos_token_id", id}}));
  const std::string after = setting.Stdout();
  const Json ended = Json::parse(after.substr(0, after.find('\n')));
  EXPECT_EQ(ended["output_ids"], Json::array({id}));
  EXPECT_EQ(ended["finish"], "eos");
}

TEST(Generate, ARowThatOverflowsIsNamed) {
  Setting setting;
  StateDict weights = TinyWeights(TinyConfig());
  at::Tensor& head = weights["lm_head.weight"];
  head = head / head.abs().max() * 3e38;  // finite, but sums of a few such values are not
  setting.request.model = WriteTinyModel(setting.folder + "/huge", weights);
  std::ostringstream out;
  const absl::Status status = GenerateFile(setting.request, out);
  EXPECT_EQ(ExitCode(status), 1);
  EXPECT_NE(status.ToString().find(": its score is"), std::string::npos) << status;
}

TEST(Generate, RefusesAFileOfOtherRows) {
  Setting setting;
  WriteText(setting.folder + "/out.jsonl", "{\"id\": \"somebody else\", \"output_ids\": [1]}\n");
  EXPECT_EQ(ExitCode(setting.ToFile()), 2);
}

TEST(Generate, KeepsTheRowsBeforeABadOne) {
  Setting setting;
  WriteText(setting.request.data, RowLines(TinyExamples(5)) + "{\"input_ids\": []}\n");
  std::ostringstream out;
  const absl::Status status = GenerateFile(setting.request, out);
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_NE(status.ToString().find("rows.jsonl:6"), std::string::npos) << status;
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

TEST(Generate, RefusesWeightsThatAreNotNumbers) {
  Setting setting;
  StateDict weights = TinyWeights(TinyConfig());
  weights["shared.weight"][3][2] = std::nan("");
  const std::string folder = setting.folder + "/broken";
  setting.request.model = WriteTinyModel(folder, weights);
  std::ostringstream out;
  const absl::Status status = GenerateFile(setting.request, out);
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_NE(status.ToString().find("shared.weight"), std::string::npos) << status;
}

}  // namespace
}  // namespace regroup
