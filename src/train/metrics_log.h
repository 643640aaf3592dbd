// metrics.jsonl of a stage: one JSON line per logged step and per validation (contract:
// "metrics.jsonl").
#pragma once

#include <map>
#include <string>

#include "core/status.h"
#include "train/trainer.h"

namespace regroup {

class MetricsLog {
 public:
  // Opens <run_folder>/metrics.jsonl and drops lines beyond `step`, which a killed run wrote after
  // its last checkpoint.
  static absl::StatusOr<MetricsLog> Open(const std::string& run_folder, const std::string& stage,
                                         int64_t step);

  absl::Status LogStep(int64_t step, const StepReport& report, double mfu);
  absl::Status LogValidation(int64_t step, const std::map<std::string, double>& values);

 private:
  MetricsLog(std::string path, std::string stage)
      : path_(std::move(path)), stage_(std::move(stage)) {}
  absl::Status Append(const Json& line) const;

  std::string path_;
  std::string stage_;
};

// Resident memory of this process in bytes (Linux /proc), 0 if unknown.
int64_t ResidentBytes();

}  // namespace regroup
