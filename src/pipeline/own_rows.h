// A person's own JSON lines, looked at for `recipes copy uptrain-mine`: what the task is, and a
// split into training, dev and test rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// How rows become a task. Without `input` they are text alone: enough to uptrain, nothing to
// fine-tune.
struct OwnTask {
  std::string input;   // "summarize: {article}"
  std::string target;  // "{highlights}"
  std::string metric;  // rouge, bleu, squad, accuracy
  std::string reason;  // a sentence on how this was found
  std::string text;    // the field that uptraining reads
  bool HasTask() const { return !input.empty(); }
};

// What the fields of `row` are commonly used for; what is given stays. UserError at `place`, with
// the fields, where nothing is recognized and nothing given.
absl::StatusOr<OwnTask> TaskOfFields(const Json& row, const std::string& place,
                                     const OwnTask& given);

struct OwnRows {
  OwnTask task;
  int64_t train = 0, dev = 0, test = 0;  // rows
  std::string last_dev, last_test;       // the greatest hash of each: rows beyond are for training
};
constexpr int64_t kFewestOwnRows = 20;

// Looks at the JSON lines `path` (.gz, .zst too) and says how its rows would be split: a twentieth
// each for dev (at most 500) and test (at most 1,000), chosen by a hash of the row, so that the
// order of the file does not matter. UserError at file:line for a row that does not have the first
// row's fields, and for fewer than 20 rows.
absl::StatusOr<OwnRows> LookAtOwnRows(const std::string& path, const OwnTask& given);

// Writes train.jsonl, dev.jsonl and test.jsonl into `folder`.
absl::Status SplitOwnRows(const std::string& path, const OwnRows& rows, const std::string& folder);

}  // namespace regroup
