// Reads metrics.jsonl of a stage, also while it grows. The report reads it once, `watch` again and
// again.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace regroup {

// One logged step. Numbers that the line does not have, or that were not finite, are NaN.
struct LoggedStep {
  int64_t step = 0;
  double time = 0;  // Unix seconds
  double loss, learning_rate, gradient_norm, tokens_per_second, data_wait_seconds, memory_bytes;
};

struct LoggedValidation {
  int64_t step = 0;
  double time = 0;
  std::map<std::string, double> values;
};

struct TrainingLog {
  std::vector<LoggedStep> steps;              // steps ascend
  std::vector<LoggedValidation> validations;  // steps ascend
  int64_t total_steps = 0;                    // of the stage; 0 where no line says so
  int64_t unreadable_lines = 0;
};

class MetricsFile {
 public:
  explicit MetricsFile(std::string path) : path_(std::move(path)) {}

  // Takes in what was appended since the last call; begins anew where the file is another or
  // shorter (a stage that goes on from a checkpoint rewrites it). A last line without its end is
  // left for the next call. A file that is not there gives an empty log.
  void Update();
  // The same, and a last line without its end counts as unreadable: nobody goes on writing it.
  void Finish();
  const TrainingLog& log() const { return log_; }

 private:
  void TakeLine(const std::string& line);

  std::string path_;
  uint64_t file_id_ = 0;
  uint64_t offset_ = 0;
  std::string rest_;  // the beginning of a line that is not complete
  TrainingLog log_;
};

}  // namespace regroup
