// Predictions and references from files, for the `metrics` command. The ending of a file's name
// says what it is: .jsonl (`generate` output, or rows with target/targets), .json (SQuAD, or
// {question id: text}), else text lines.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "metrics/metric.h"

namespace regroup {

// What can be scored together:
//   text predictions      against one or more text files (segment i is line i of each), or .jsonl
//   rows in order .jsonl predictions    against .jsonl rows with the same ids in the same order,
//   text lines, or SQuAD by id .json {id: text}      against SQuAD by id, or .jsonl rows by id
// By id, a question without a prediction is marked missing, and predictions for unknown questions
// are left aside as long as one fits. Errors (user's) name file and line.
absl::StatusOr<MetricInput> ReadMetricFiles(const std::string& predictions,
                                            const std::vector<std::string>& references);

}  // namespace regroup
