// Teacher-forced scores: independent of batching, summed right, printed as the contract says.
#include "evaluate/score.h"

#include <sstream>

#include "evaluate/commands.h"
#include "unit/evaluate/tiny_model.h"

namespace regroup {
namespace {

T5Model TinyModel(at::ScalarType type) {
  StateDict weights = TinyWeights(TinyConfig());
  for (auto& [name, tensor] : weights) tensor = tensor.to(type);
  return T5Model(TinyConfig(), weights, type);
}

TEST(ScoreExamples, GivesEachRowTheScoreThatItHasAlone) {
  const T5Model model = TinyModel(at::kDouble);
  const std::vector<Example> examples = TinyExamples(40);
  const auto together = ScoreExamples(model, examples, 100);
  ASSERT_TRUE(together.ok()) << together.status();
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto alone = ScoreExamples(model, {&examples[i], 1}, 1);
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ((*together)[i].target_tokens, static_cast<int64_t>(examples[i].target_ids.size()));
    EXPECT_NEAR((*together)[i].loss_sum, (*alone)[0].loss_sum, 1e-9) << i;
  }
}

TEST(ScoreExamples, EqualsTheLogProbabilitiesOfTheLogits) {
  const T5Model model = TinyModel(at::kDouble);
  const std::vector<Example> examples = TinyExamples(3);
  const auto scores = ScoreExamples(model, examples, 1);
  ASSERT_TRUE(scores.ok());
  const c10::InferenceMode inference;
  for (size_t i = 0; i < examples.size(); ++i) {
    const BatchTensors batch = ToTensors(Collate({&examples[i], 1}), model.config(), at::kCPU);
    const at::Tensor log_prob = at::log_softmax(model.DecodeLogits(model.Encode(batch), batch), -1);
    const double expected =
        -log_prob.gather(2, batch.target_out_bt.unsqueeze(2)).sum().item<double>();
    EXPECT_NEAR((*scores)[i].loss_sum, expected, 1e-9);
  }
}

TEST(LossValidator, IsTheMeanOverTargetTokensNotOverRows) {
  const std::vector<Example> examples = TinyExamples(10);
  const T5Model model = TinyModel(at::kFloat);
  const auto scores = ScoreExamples(model, examples, 64);
  ASSERT_TRUE(scores.ok());
  double sum = 0, tokens = 0;
  for (const RowScore& score : *scores)
    sum += score.loss_sum, tokens += static_cast<double>(score.target_tokens);
  const auto validator = MakeLossValidator("held_out_loss", examples, at::kFloat);
  StateDict weights = TinyWeights(TinyConfig());
  for (auto& [name, tensor] : weights) tensor.set_requires_grad(true);
  const auto numbers = validator->Validate(TinyConfig(), weights, 3);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_NEAR(numbers->at("held_out_loss"), sum / tokens, 1e-6);
}

struct Printed {
  absl::Status status;
  std::vector<Json> lines;
};

Printed Score(const std::string& rows, bool per_row, double head_factor = 1) {
  const std::string folder = TestFolder();
  StateDict weights = TinyWeights(TinyConfig());
  weights["lm_head.weight"] = weights["lm_head.weight"] * head_factor;
  ScoreRequest request;
  request.model = WriteTinyModel(folder + "/model", weights);
  request.data = WriteText(folder + "/rows.jsonl", rows);
  request.per_row = per_row;
  request.json = true;
  std::ostringstream out;
  Printed printed{ScoreFile(request, out), {}};
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) printed.lines.push_back(Json::parse(line));
  return printed;
}

std::vector<std::string> Keys(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

TEST(ScoreFile, PrintsALinePerRowInOrderAndNoSummary) {
  const std::vector<Example> examples = TinyExamples(9);
  const Printed printed = Score(RowLines(examples), true);
  ASSERT_TRUE(printed.status.ok()) << printed.status;
  ASSERT_EQ(printed.lines.size(), 9u);
  for (size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(Keys(printed.lines[i]),
              (std::vector<std::string>{"id", "target_tokens", "loss_sum", "loss"}));
    EXPECT_EQ(printed.lines[i]["id"], "row " + std::to_string(i));
    EXPECT_EQ(printed.lines[i]["target_tokens"], examples[i].target_ids.size());
  }
}

TEST(ScoreFile, PrintsOneObjectForAllRows) {
  const std::string rows = RowLines(TinyExamples(9));
  const Printed each = Score(rows, true), total = Score(rows, false);
  ASSERT_EQ(total.lines.size(), 1u);
  EXPECT_EQ(Keys(total.lines[0]),
            (std::vector<std::string>{"rows", "target_tokens", "loss_sum", "loss"}));
  EXPECT_EQ(total.lines[0]["rows"], 9);
  double sum = 0;
  for (const Json& line : each.lines) sum += line["loss_sum"].get<double>();
  EXPECT_NEAR(total.lines[0]["loss_sum"].get<double>(), sum, 1e-4);
}

TEST(ScoreFile, KeepsTheRowsBeforeABadOneAndNamesItsLine) {
  const std::string rows =
      RowLines(TinyExamples(3)) + "{\"input_ids\": [1, 64], \"target_ids\": [1]}\n";
  const Printed each = Score(rows, true), total = Score(rows, false);
  EXPECT_EQ(ExitCode(each.status), 2);
  EXPECT_NE(each.status.ToString().find("rows.jsonl:4"), std::string::npos) << each.status;
  EXPECT_EQ(each.lines.size(), 3u);
  EXPECT_EQ(ExitCode(total.status), 2);
  EXPECT_TRUE(total.lines.empty());
}

TEST(ScoreFile, ARowThatOverflowsIsNamedInsteadOfANumber) {
  for (const bool per_row : {true, false}) {
    const Printed printed = Score(RowLines(TinyExamples(3)), per_row, 2e37);
    EXPECT_EQ(ExitCode(printed.status), 1);
    EXPECT_NE(printed.status.ToString().find("rows.jsonl:1: its loss is"), std::string::npos)
        << printed.status;
    EXPECT_TRUE(printed.lines.empty());
  }
}

TEST(ScoreFile, AFileWithoutRowsIsRefused) {
  for (const bool per_row : {true, false}) {
    const Printed printed = Score("", per_row);
    EXPECT_EQ(ExitCode(printed.status), 2);
    EXPECT_NE(printed.status.ToString().find("holds no rows"), std::string::npos);
  }
}

TEST(ScoreFile, AsksForATargetWhereARowHasNone) {
  const Printed printed = Score("{\"input_ids\": [5, 1]}\n", true);
  EXPECT_EQ(ExitCode(printed.status), 2);
  EXPECT_NE(printed.status.ToString().find("rows.jsonl:1"), std::string::npos) << printed.status;
}

}  // namespace
}  // namespace regroup
