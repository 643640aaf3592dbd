// Names of metrics and their options (no LibTorch): what can be checked before there is a row. Task
// files, the `metrics` command and metric.cc use it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace regroup {

struct MetricOptions {
  std::string tokenize = "13a";     // bleu: 13a, intl, char, none
  bool lowercase = false;           // bleu, chrf
  bool stemmer = false;             // rouge
  bool sentence_split_dot = false;  // rouge: T5's rule that " . " ends a sentence
  int bootstrap = 0;                // resamples for 95% intervals; 0 = none
  uint64_t seed = 0;
};

// bleu, chrf, rouge, squad, trivia_qa, accuracy, exact_match.
const std::vector<std::string>& MetricNames();

// The value that selects a checkpoint: bleu, chrf, rouge1, f1, f1, accuracy, exact_match; "" for an
// unknown metric.
std::string PrimaryKey(const std::string& metric);

// The keys of MetricResult::values; empty for an unknown metric.
std::vector<std::string> MetricKeys(const std::string& metric);

// The metrics whose values this option changes; empty for one that every metric takes.
std::vector<std::string> MetricsWithOption(const std::string& option);

// Unknown metrics, an unknown tokenizer, a number out of range, or an option that changes none of
// `metrics`.
absl::Status ValidateMetricOptions(const std::vector<std::string>& metrics,
                                   const MetricOptions& options);

// False where a missing prediction is an error, rather than wrong.
bool TakesMissing(const std::string& metric);

// The single checks: an unknown metric, an unknown tokenizer, a number of resamples out of range.
absl::Status CheckMetric(const std::string& metric);
absl::Status CheckBleuTokenizer(const std::string& name);
absl::Status CheckResamples(int64_t resamples);

// Spellings of BLEU's tokenizers, in the order of the enum in bleu_tokenize.h.
const std::vector<std::string>& BleuTokenizerNames();

}  // namespace regroup
