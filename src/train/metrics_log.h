// metrics.jsonl of a stage: one JSON line per logged step and per validation (contract:
// "metrics.jsonl"), and the same numbers as TensorBoard's events.
#pragma once

#include <map>
#include <string>

#include "core/status.h"
#include "formats/tensorboard.h"
#include "train/progress_line.h"

namespace regroup {

class MetricsLog {
 public:
  // Opens <run_folder>/metrics.jsonl and a new event file beside it, and drops what a killed run
  // wrote of steps beyond `step`, its last checkpoint.
  static absl::StatusOr<MetricsLog> Open(const std::string& run_folder, const std::string& stage,
                                         int64_t step);

  absl::Status LogStep(const StepView& view);
  absl::Status LogValidation(int64_t step, const std::map<std::string, double>& values);

 private:
  MetricsLog(std::string path, std::string stage, EventFile events)
      : path_(std::move(path)), stage_(std::move(stage)), events_(std::move(events)) {}
  absl::Status AppendLine(const Json& line) const;

  std::string path_;
  std::string stage_;
  EventFile events_;
};

// Resident memory of this process in bytes (Linux /proc), 0 if unknown.
int64_t ResidentBytes();

}  // namespace regroup
