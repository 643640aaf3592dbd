// `generate`: lines of the contract, input order, and a file that survives kills.
#include <sstream>

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
