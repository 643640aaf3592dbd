// What the stages of a run found, put together by model: quality, speed, recovery. Works on a run
// of which only parts have finished. The report's tables and plots are made from this.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/recovery.h"
#include "report/run_record.h"

namespace regroup {

// Numbers that a run does not have are NaN.
struct TaskScore {
  std::string task, split, metric;
  double value, low, high;                       // against the references; 95 % interval
  double shuffled, shuffled_low, shuffled_high;  // against the references of other rows
  double loss;                                   // nats per target token
  double rows, truncated_inputs, at_length_limit, empty_outputs;
  std::string stage;  // that evaluated
};

struct Timing {
  std::string bench;  // the stage
  double batch, source, target;
  std::string precision;
  double ms_per_sample, encoder_ms, step_ms, step_ms_p10, step_ms_p90, floor_step_ms;
  double tokens_per_second, kv_bytes, kv_bytes_per_position, peak_rss_bytes;
};

// One model: a pre-trained, converted or uptrained one, with what was fine-tuned from it.
struct ModelFindings {
  std::string stage;     // that made it
  std::string label;     // "MHA", "GQA-2", "MQA", else the stage; unlike every other of the run
  std::string kv_heads;  // "8", "self 4, cross 2", "" where not known
  double parameters, kv_bytes_per_position;
  std::vector<TaskScore> scores;
  std::vector<Timing> timings;
};

struct Findings {
  std::vector<ModelFindings> models;
  std::vector<RecoveryCurve> recovery;
};

// Where the recipe has compare stages, what they name, in their order; else everything.
// Needs ReadTraining: a curve of a stage that has not finished comes from its validations.
Findings FindingsOf(const RunRecord& run);

// The model that a stage is about: behind evaluate and finetune stages, the one made before them.
std::string BaseModel(const RunRecord& run, const std::string& stage);

// What keep_best calls the first metric of the task that a stage is about: "rouge1", "f1"; "" where
// nothing says it.
std::string HeadlineMetric(const StageRecord& stage);

// Plain mean over the tasks of a model's scores, NaN unless it has exactly the tasks `tasks`.
double AverageScore(const ModelFindings& model, const std::vector<std::string>& tasks);
// Tasks (with "/dev" where it is not test) of any model, in order of appearance.
std::vector<std::string> TasksOf(const std::vector<ModelFindings>& models);
std::string TaskName(const TaskScore& score);

}  // namespace regroup
