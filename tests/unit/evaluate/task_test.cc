// Evaluation of a task with an engine that knows the answers, so that every number can be foreseen.
#include "evaluate/task.h"

#include <set>

#include "unit/evaluate/tiny_model.h"

namespace regroup {
namespace {

// Id n is the word "w<n>".
class WordTokenizer final : public Tokenizer {
 public:
  std::vector<int32_t> Encode(std::string_view) const override { return {}; }
  std::string Decode(std::span<const int32_t> ids) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (id > 1) text += (text.empty() ? "w" : " w") + std::to_string(id);
    }
    return text;
  }
  int32_t size() const override { return 64; }
  int32_t sentinels() const override { return 0; }
  std::vector<std::pair<std::string, std::string>> Files() const override { return {}; }
};

// Returns the source itself, cut to the limit, in 0.5 s of encoder and two steps of 0.25 s per
// batch.
class CopyingEngine final : public Engine {
 public:
  absl::StatusOr<std::vector<Hypothesis>> Generate(std::span<const std::vector<int32_t>> sources,
                                                   int64_t max_length, const DecodeConfig&,
                                                   DecodeTimes* times) const override {
    std::vector<Hypothesis> result;
    for (std::vector<int32_t> ids : sources) {
      const bool cut = static_cast<int64_t>(ids.size()) > max_length;
      if (cut) ids.resize(static_cast<size_t>(max_length));
      result.push_back({ids, 0, cut});
    }
    times->Add({0.5, {0.25, 0.25}});
    return result;
  }
  at::Tensor ForcedLogits(std::span<const std::vector<int32_t>>,
                          const at::Tensor& input) const override {
    return input;
  }
  int64_t KvBytes(int64_t, int64_t, int64_t) const override { return 0; }
  int64_t KvBytesPerPosition() const override { return 96; }
  int64_t DecoderBytes() const override { return 0; }
  const T5Config& config() const override { return config_; }

 private:
  T5Config config_ = TinyConfig();
};

// Rows whose reference is their own source; every row is unlike every other.
std::vector<Row> CopyRows(int32_t count) {
  std::vector<Row> rows;
  for (int32_t i = 0; i < count; ++i) {
    Row& row = rows.emplace_back();
    row.id = i;
    row.example.input_ids = {2 + 3 * i, 3 + 3 * i, 4 + 3 * i, 1};
    row.example.target_ids = row.example.input_ids;
    row.references = {WordTokenizer().Decode(row.example.input_ids)};
  }
  return rows;
}

TaskConfig CopyTask() {
  TaskConfig task;
  task.text.name = "copy";
  task.text.lengths = {8, 8};
  task.metrics = {"rouge", "exact_match"};
  return task;
}

TaskEvaluation Evaluate(const TaskConfig& task, const std::vector<Row>& rows, uint64_t seed = 1) {
  auto result = EvaluateTask(task, rows, "test", CopyingEngine(), WordTokenizer(), seed);
  EXPECT_TRUE(result.ok()) << result.status();
  return *result;
}

TEST(EvaluateTask, ScoresRightAnswersFullyAndShuffledReferencesAtTheFloor) {
  const TaskEvaluation result = Evaluate(CopyTask(), CopyRows(20));
  EXPECT_EQ(result.metrics.at("rouge1"), 100);
  EXPECT_EQ(result.metrics.at("exact_match"), 100);
  EXPECT_EQ(result.shuffled.at("rouge1"), 0);
  EXPECT_EQ(result.shuffled.at("exact_match"), 0) << "a row kept its own reference";
  EXPECT_LT(result.shuffled_interval.at("rouge1").second, result.interval.at("rouge1").first);
}

TEST(EvaluateTask, ShufflesNoRowOntoItselfWhateverTheSeed) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    for (const int32_t rows : {2, 3, 7}) {
      EXPECT_EQ(Evaluate(CopyTask(), CopyRows(rows), seed).shuffled.at("exact_match"), 0)
          << rows << " rows";
    }
  }
}

TEST(EvaluateTask, TimePerSampleIsEncoderAndAllStepsOverRows) {
  TaskConfig task = CopyTask();
  task.decode.batch_tokens = 4 * 12;  // source 4 + target 8: four rows per batch
  const TaskEvaluation result = Evaluate(task, CopyRows(20));
  EXPECT_DOUBLE_EQ(result.times.encoder_seconds, 2.5);
  EXPECT_DOUBLE_EQ(result.times.decode_seconds(), 2.5);
  EXPECT_DOUBLE_EQ(result.ms_per_sample, 5000.0 / 20);
  EXPECT_EQ(result.kv_bytes_per_position, 96);
}

TEST(EvaluateTask, CountsCutInputsLimitedAndEmptyOutputs) {
  std::vector<Row> rows = CopyRows(10);
  rows[2].truncated = rows[5].truncated = true;
  rows[7].example.input_ids = {1};
  TaskConfig task = CopyTask();
  task.decode.max_length = 3;
  const TaskEvaluation result = Evaluate(task, rows);
  EXPECT_EQ(result.truncated_inputs, 2);
  EXPECT_EQ(result.at_length_limit, 9);
  EXPECT_EQ(result.empty_outputs, 1);
}

TEST(EvaluationToJson, HoldsTheContractsKeys) {
  const Json json = EvaluationToJson(Evaluate(CopyTask(), CopyRows(5)), "p.jsonl");
  for (const char* key : {"task", "split", "rows", "metrics", "interval", "truncated_inputs",
                          "at_length_limit", "empty_outputs", "encoder_seconds", "decode_seconds",
                          "ms_per_sample", "kv_bytes_per_position", "predictions"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["interval"]["rouge1"].size(), 2u);
  EXPECT_EQ(json["predictions"], "p.jsonl");
}

TEST(PredictionLines, HoldTheStartOfTheSourceTheOutputAndTheReferences) {
  std::vector<Row> rows = CopyRows(2);
  rows[0].source_text = "copy: a";
  rows[1].source_text = std::string(kMostInputBytes - 1, 'x') + "\xC3\xA4 and more";
  const std::string lines = PredictionLines(Evaluate(CopyTask(), rows), rows);
  const size_t end = lines.find('\n');
  const Json first = Json::parse(lines.substr(0, end)), second = Json::parse(lines.substr(end + 1));
  EXPECT_EQ(first["id"], 0);
  EXPECT_EQ(first["input"], "copy: a");
  EXPECT_EQ(first["output"], rows[0].references[0]);
  EXPECT_EQ(first["references"], Json(rows[0].references));
  EXPECT_EQ(second["input"], std::string(kMostInputBytes - 1, 'x') + " [...]")
      << "cut in a character";
}

TEST(TaskValidator, GivesLossAndMetricsThroughTheRealDecoder) {
  const auto validator =
      MakeTaskValidator(CopyTask(), CopyRows(6), std::make_shared<WordTokenizer>(), at::kFloat);
  StateDict weights = TinyWeights(TinyConfig());
  for (auto& [name, tensor] : weights) tensor.set_requires_grad(true);
  const auto numbers = validator->Validate(TinyConfig(), weights, 10);
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_GT(numbers->at("loss"), 0);
  EXPECT_GE(numbers->at("rouge1"), 0);
  EXPECT_TRUE(numbers->contains(DefaultKeepBest(CopyTask())));
}

TEST(DefaultKeepBest, IsTheFirstMetricsMainNumber) {
  TaskConfig task;
  for (const auto& [metric, key] :
       std::map<std::string, std::string>{{"bleu", "bleu"},
                                          {"chrf", "chrf"},
                                          {"rouge", "rouge1"},
                                          {"squad", "f1"},
                                          {"trivia_qa", "f1"},
                                          {"accuracy", "accuracy"},
                                          {"exact_match", "exact_match"}}) {
    task.metrics = {metric, "bleu"};
    EXPECT_EQ(DefaultKeepBest(task), key);
  }
}

}  // namespace
}  // namespace regroup
