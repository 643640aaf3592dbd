// The one door of this room: text against text by the name of a metric, on the 0-100 scale, with
// intervals. Called by the `metrics` command, by evaluate and by validation during fine-tuning.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "metrics/bootstrap.h"
#include "metrics/metric_config.h"

namespace regroup {

// Rows to be scored; row i is predictions[i] against any of references[i].
struct MetricInput {
  std::vector<std::string> predictions;
  std::vector<std::vector<std::string>> references;
  std::vector<bool> missing;  // rows without a prediction, which are wrong; empty = none
};

struct MetricResult {
  std::map<std::string, double> values;      // 0-100
  std::map<std::string, Interval> interval;  // of each value; empty without bootstrap
  std::map<std::string, std::string> notes;  // "signature" of bleu and chrf
  std::vector<double> precisions;            // bleu only: 1- to 4-grams, 0-100
  double brevity_penalty = 0;                // bleu only
};

// Errors (user's): unknown metric or tokenizer, no rows, different numbers of rows, a row without
// references, missing predictions under a metric that has no rule for them (bleu, chrf, rouge).
absl::StatusOr<MetricResult> ScoreMetric(const std::string& metric, const MetricInput& input,
                                         const MetricOptions& options);
absl::StatusOr<MetricResult> ScoreMetric(const std::string& metric,
                                         const std::vector<std::string>& predictions,
                                         const std::vector<std::vector<std::string>>& references,
                                         const MetricOptions& options);

// Two systems on the same rows.
struct PairedResult {
  MetricResult system, baseline;
  std::map<std::string, PairedDifference> paired;  // of each value
  int resamples = 0;
};

// Whether the difference between two systems is more than chance (paired bootstrap). Both have the
// same references in the same order. options.bootstrap = 0 means 1000 resamples, as in sacreBLEU.
absl::StatusOr<PairedResult> ComparePaired(const std::string& metric, const MetricInput& system,
                                           const MetricInput& baseline,
                                           const MetricOptions& options);

// What `regroup metrics --json` prints: {value: number, ...}; a comparison has besides "baseline":
// the same of the other system, "paired": {value: {"difference", "interval", "p_value"}},
// "resamples".
Json MetricResultToJson(const std::string& metric, const MetricResult& result);
Json PairedResultToJson(const std::string& metric, const PairedResult& result);

}  // namespace regroup
