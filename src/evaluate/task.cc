// Decoding a task's rows, scoring them, and scoring them once more against the wrong rows'
// references as a floor.
#include "evaluate/task.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/progress.h"
#include "core/random.h"
#include "decode/generation_defaults.h"
#include "evaluate/score.h"

namespace regroup {
namespace {

struct Decoded {
  std::vector<std::string> texts;  // row order
  int64_t at_length_limit = 0;
  DecodeTimes times;
};

absl::StatusOr<Decoded> DecodeRows(const TaskConfig& task, const std::vector<Row>& rows,
                                   const Engine& engine, const Tokenizer& tokenizer) {
  std::vector<std::vector<int32_t>> sources;
  for (const Row& row : rows) sources.push_back(row.example.input_ids);
  Decoded decoded;
  decoded.texts.resize(rows.size());
  ProgressMeter meter(absl::StrCat(task.text.name, ": decoding"), "rows", std::ssize(rows));
  REGROUP_RETURN_IF_ERROR(GenerateAll(
      engine, sources, task.decode.max_length.value_or(task.text.lengths.target), task.decode,
      &decoded.times, [&](size_t row, Hypothesis hypothesis) -> absl::Status {
        if (!std::isfinite(hypothesis.score)) {
          return NotFinite(absl::StrCat("row ", rows[row].example.id), "score", hypothesis.score);
        }
        decoded.texts[row] = tokenizer.Decode(hypothesis.ids);
        decoded.at_length_limit += hypothesis.at_length_limit ? 1 : 0;
        meter.Add(1);
        return absl::OkStatus();
      }));
  return decoded;
}

std::vector<std::vector<std::string>> ReferencesOf(const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> references;
  for (const Row& row : rows) references.push_back(row.references);
  return references;
}

// Row i gets the references of another row: a random order, turned by one so that no row keeps its
// own. At least two rows.
std::vector<std::vector<std::string>> Shuffled(
    const std::vector<std::vector<std::string>>& references, uint64_t seed) {
  CounterRng rng(seed, RandomPurpose::kBootstrap, /*position=*/0, /*layer=*/1);
  const std::vector<int64_t> order = rng.Permutation(static_cast<int64_t>(references.size()));
  std::vector<std::vector<std::string>> shuffled(references.size());
  for (size_t i = 0; i < order.size(); ++i) {
    shuffled[static_cast<size_t>(order[i])] =
        references[static_cast<size_t>(order[(i + 1) % order.size()])];
  }
  return shuffled;
}

// What is resampled, and by which draws; 0 resamples: no intervals.
struct Bootstrap {
  int resamples = 0;
  uint64_t seed = 0;
};

absl::Status ScoreAll(const TaskConfig& task, const Bootstrap& bootstrap,
                      const std::vector<std::string>& predictions,
                      const std::vector<std::vector<std::string>>& references,
                      std::map<std::string, double>& values,
                      std::map<std::string, std::pair<double, double>>& intervals) {
  MetricOptions options = task.metric_options;
  options.bootstrap = bootstrap.resamples;
  options.seed = bootstrap.seed;
  for (const std::string& metric : task.metrics) {
    REGROUP_ASSIGN_OR_RETURN(const MetricResult result,
                             ScoreMetric(metric, predictions, references, options));
    values.insert(result.values.begin(), result.values.end());
    intervals.insert(result.interval.begin(), result.interval.end());
  }
  return absl::OkStatus();
}

Json IntervalsToJson(const std::map<std::string, std::pair<double, double>>& intervals) {
  Json json = Json::object();
  for (const auto& [name, bounds] : intervals) json[name] = {bounds.first, bounds.second};
  return json;
}

std::vector<Example> ExamplesOf(const std::vector<Row>& rows) {
  std::vector<Example> examples;
  examples.reserve(rows.size());
  for (const Row& row : rows) examples.push_back(row.example);
  return examples;
}

absl::StatusOr<double> TeacherForcedLoss(const HfModel& model, at::ScalarType compute,
                                         const std::vector<Row>& rows) {
  const at::InferenceMode inference;
  StateDict masters;
  for (const auto& [name, tensor] : model.weights) masters[name] = tensor.to(at::kFloat);
  const std::vector<Example> examples = ExamplesOf(rows);
  const T5Model scorer(model.config, std::move(masters), compute);
  REGROUP_ASSIGN_OR_RETURN(const auto scores, ScoreExamples(scorer, examples, kScoreBatchTokens));
  REGROUP_RETURN_IF_ERROR(CheckFinite(scores, examples));
  return SumScores(scores).loss();
}

class TaskValidator final : public Validator {
 public:
  TaskValidator(TaskConfig task, std::vector<Row> rows, std::shared_ptr<const Tokenizer> tokenizer,
                at::ScalarType compute)
      : task_(std::move(task)),
        rows_(std::move(rows)),
        tokenizer_(std::move(tokenizer)),
        compute_(compute) {}

  absl::StatusOr<std::map<std::string, double>> Validate(const T5Config& config,
                                                         const StateDict& weights,
                                                         int64_t) override {
    const StateDict detached = DetachedWeights(weights);
    const auto engine = Engine::Create(config, detached, compute_);
    REGROUP_ASSIGN_OR_RETURN(const Decoded decoded, DecodeRows(task_, rows_, *engine, *tokenizer_));
    std::map<std::string, double> values;
    std::map<std::string, std::pair<double, double>> no_intervals;
    REGROUP_RETURN_IF_ERROR(
        ScoreAll(task_, Bootstrap{}, decoded.texts, ReferencesOf(rows_), values, no_intervals));
    REGROUP_ASSIGN_OR_RETURN(values["loss"], Loss(config, detached));
    return values;
  }

 private:
  absl::StatusOr<double> Loss(const T5Config& config, const StateDict& weights) const {
    REGROUP_ASSIGN_OR_RETURN(
        const auto scores,
        ScoreExamples(T5Model(config, weights, compute_), ExamplesOf(rows_), kScoreBatchTokens));
    return SumScores(scores).loss();
  }

  TaskConfig task_;
  std::vector<Row> rows_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  at::ScalarType compute_;
};

}  // namespace

Json EvaluationToJson(const TaskEvaluation& evaluation, const std::string& predictions_path) {
  return Json{{"task", evaluation.task},
              {"split", evaluation.split},
              {"rows", evaluation.rows},
              {"metrics", evaluation.metrics},
              {"interval", IntervalsToJson(evaluation.interval)},
              {"shuffled", evaluation.shuffled},
              {"shuffled_interval", IntervalsToJson(evaluation.shuffled_interval)},
              {"loss", evaluation.loss},
              {"truncated_inputs", evaluation.truncated_inputs},
              {"at_length_limit", evaluation.at_length_limit},
              {"empty_outputs", evaluation.empty_outputs},
              {"encoder_seconds", evaluation.times.encoder_seconds},
              {"decode_seconds", evaluation.times.decode_seconds()},
              {"ms_per_sample", evaluation.ms_per_sample},
              {"kv_bytes_per_position", evaluation.kv_bytes_per_position},
              {"predictions", predictions_path}};
}

namespace {

// The start of a source: whole documents would make a file of predictions as large as the data.
std::string Start(const std::string& text) {
  size_t end = std::min<size_t>(text.size(), kMostInputBytes);
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return end == text.size() ? text : text.substr(0, end) + " [...]";
}

}  // namespace

std::string PredictionLines(const TaskEvaluation& evaluation, const std::vector<Row>& rows) {
  std::string lines;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Json line = {{"id", rows[i].id},
                       {"input", Start(rows[i].source_text)},
                       {"output", evaluation.predictions[i]},
                       {"references", rows[i].references}};
    lines += DumpJson(line) + "\n";
  }
  return lines;
}

absl::StatusOr<TaskEvaluation> EvaluateTask(const TaskConfig& task, const std::vector<Row>& rows,
                                            const std::string& split, const Engine& engine,
                                            const Tokenizer& tokenizer, uint64_t seed) {
  TaskEvaluation result;
  result.task = task.text.name;
  result.split = split;
  result.rows = static_cast<int64_t>(rows.size());
  result.kv_bytes_per_position = engine.KvBytesPerPosition();
  REGROUP_ASSIGN_OR_RETURN(Decoded decoded, DecodeRows(task, rows, engine, tokenizer));
  result.times = decoded.times;
  result.at_length_limit = decoded.at_length_limit;
  result.truncated_inputs =
      std::ranges::count_if(rows, [](const Row& row) { return row.truncated; });
  result.empty_outputs = std::ranges::count(decoded.texts, std::string());
  const double seconds = result.times.encoder_seconds + result.times.decode_seconds();
  result.ms_per_sample = 1000 * seconds / static_cast<double>(std::max<int64_t>(1, result.rows));
  const auto references = ReferencesOf(rows);
  const int asked = task.metric_options.bootstrap;
  const Bootstrap bootstrap{asked > 0 ? asked : kEvaluationResamples, seed};
  REGROUP_RETURN_IF_ERROR(
      ScoreAll(task, bootstrap, decoded.texts, references, result.metrics, result.interval));
  if (rows.size() > 1) {
    REGROUP_RETURN_IF_ERROR(ScoreAll(task, bootstrap, decoded.texts, Shuffled(references, seed),
                                     result.shuffled, result.shuffled_interval));
  }
  result.predictions = std::move(decoded.texts);
  return result;
}

absl::StatusOr<TaskEvaluation> EvaluateModel(const HfModel& model, const TaskConfig& task,
                                             const std::vector<Row>& rows,
                                             const Tokenizer& tokenizer,
                                             const EvaluationSetting& setting) {
  REGROUP_ASSIGN_OR_RETURN(const GenerationDefaults defaults, ReadGenerationConfig(model));
  TaskConfig whole = task;
  if (!whole.decode.max_length.has_value()) whole.decode.max_length = task.text.lengths.target;
  REGROUP_ASSIGN_OR_RETURN(whole.decode, WithDefaults(whole.decode, defaults));
  const auto engine = Engine::Create(defaults.config, model.weights, setting.compute);
  REGROUP_ASSIGN_OR_RETURN(TaskEvaluation result, EvaluateTask(whole, rows, setting.split, *engine,
                                                               tokenizer, setting.seed));
  REGROUP_ASSIGN_OR_RETURN(result.loss, TeacherForcedLoss(model, setting.compute, rows));
  return result;
}

std::string DefaultKeepBest(const TaskConfig& task) {
  return task.metrics.empty() ? "" : PrimaryKey(task.metrics.front());
}

std::unique_ptr<Validator> MakeTaskValidator(TaskConfig task, std::vector<Row> rows,
                                             std::shared_ptr<const Tokenizer> tokenizer,
                                             at::ScalarType compute) {
  return std::make_unique<TaskValidator>(std::move(task), std::move(rows), std::move(tokenizer),
                                         compute);
}

}  // namespace regroup
