// A calibration: what a parent's attentions see on a few hundred rows, kept in a folder that any
// conversion of this parent can use, whatever its method and number of groups.
//   calibration.json      what was measured, on what; written last
//   rows.jsonl            the rows, as ids
//   statistics/<block>.safetensors    second moments of the attentions of one layer, fp64
#pragma once

#include <string>
#include <vector>

#include "calibrate/calibrate_config.h"
#include "checkpoint/hf_folder.h"
#include "convert/statistics.h"
#include "core/json.h"
#include "core/status.h"
#include "data/batch.h"

namespace regroup {

struct CalibrationRequest {
  const HfModel* model = nullptr;
  std::vector<Example> rows;
  Json data;  // where the rows are from, for the record
  std::string folder;
  CalibrateConfig config;
  std::string device = "cpu";
};

// Measures, or goes on where the same request was stopped (the last finished layer). Returns what
// calibration.json says: {"format", "model_hash", "rows", "source_tokens",
// "target_tokens", "data", "config", "losses": [{"attention", "rows": [...], "key": [...],
// "value": [...]}]}. losses: what merging all heads into one by the joint decomposition would lose
// (shares, under the final statistics) when it goes by the statistics of the first 1/4, 1/2 of
// the rows, and of all: where the last entries agree, the rows are enough. UserError for a folder
// that holds anything else, RunError for a full disk; StoppedStatus after a signal.
absl::StatusOr<Json> Calibrate(const CalibrationRequest& request);

struct Calibration {
  std::string folder;
  Json description;  // calibration.json
  std::vector<Example> rows;
  Statistics statistics;  // on mapped files
};
// UserError for what is no calibration, is not finished, or is damaged.
absl::StatusOr<Calibration> LoadCalibration(const std::string& folder);
// UserError if it was measured on another model than the one with these weights.
absl::Status CheckCalibratedOn(const Calibration& calibration, const std::string& weights_hash,
                               const std::string& model_folder);

std::string CalibrationText(const Json& description);

}  // namespace regroup
