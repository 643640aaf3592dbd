// A whole task: text half (data) + metrics + decode options; and its evaluation. Command
// `evaluate`, stage `evaluate`, validation during fine-tuning through the real decoder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkpoint/hf_folder.h"
#include "core/json.h"
#include "core/status.h"
#include "data/rows.h"
#include "decode/engine.h"
#include "metrics/metric.h"
#include "text/tokenizer.h"
#include "train/validator.h"

namespace regroup {

struct TaskConfig {
  TextTaskConfig text;
  std::vector<std::string>
      metrics;  // bleu | chrf | rouge | squad | trivia_qa | accuracy | exact_match
  MetricOptions metric_options;
  DecodeConfig decode;
};

struct TaskEvaluation {
  std::string task, split;
  int64_t rows = 0;
  std::map<std::string, double> metrics;  // "rouge1": 31.2
  std::map<std::string, std::pair<double, double>> interval;
  std::map<std::string, double> shuffled;  // the same metrics against shuffled references
  std::map<std::string, std::pair<double, double>> shuffled_interval;
  int64_t truncated_inputs = 0, at_length_limit = 0, empty_outputs = 0;
  DecodeTimes times;
  double ms_per_sample = 0;  // (encoder + all steps) / rows, without tokenization
  int64_t kv_bytes_per_position = 0;
  double loss = 0;  // teacher-forced loss per target token on the same rows; EvaluateModel fills it
  std::vector<std::string> predictions;  // row order
};
Json EvaluationToJson(const TaskEvaluation& evaluation,
                      const std::string& predictions_path);  // contract's keys
// {"id", "input", "output", "references"}, one line per row: what a predictions file holds. The
// input is the source as text, before it was cut to the task's length, and ends with "[...]" where
// it is longer than kMostInputBytes.
inline constexpr size_t kMostInputBytes = 4000;
std::string PredictionLines(const TaskEvaluation& evaluation, const std::vector<Row>& rows);

// Resamples behind the intervals where the task does not say how many.
inline constexpr int kEvaluationResamples = 1000;

absl::StatusOr<TaskEvaluation> EvaluateTask(const TaskConfig& task, const std::vector<Row>& rows,
                                            const std::string& split, const Engine& engine,
                                            const Tokenizer& tokenizer, uint64_t seed);

struct EvaluationSetting {
  std::string split = "test";  // only a name in the result
  at::ScalarType compute = at::kFloat;
  uint64_t seed = 1;
};

// EvaluateTask with an engine over the model, and the loss. Start, end and pad, and the options of
// decoding that the task leaves open, are those of generation_config.json.
absl::StatusOr<TaskEvaluation> EvaluateModel(const HfModel& model, const TaskConfig& task,
                                             const std::vector<Row>& rows,
                                             const Tokenizer& tokenizer,
                                             const EvaluationSetting& setting);

// The name by which keep_best knows the task's first metric: bleu, chrf, rouge1, f1, accuracy,
// exact_match.
std::string DefaultKeepBest(const TaskConfig& task);

// {"loss": ..., "<metric>": ...} on `rows` at each call.
std::unique_ptr<Validator> MakeTaskValidator(TaskConfig task, std::vector<Row> rows,
                                             std::shared_ptr<const Tokenizer> tokenizer,
                                             at::ScalarType compute);

}  // namespace regroup
