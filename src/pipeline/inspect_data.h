// What is in a data file: rows of a task, rows of ids, a corpus. inspect_path.cc calls it.
#pragma once

#include <optional>
#include <string>

#include "core/json.h"
#include "core/status.h"
#include "data/data_config.h"

namespace regroup {

// What the rows are looked at with.
struct DataView {
  std::string model;                   // folder with the tokenizer; "": lengths in characters
  std::string task;                    // a task file; "": rows as they stand
  std::optional<TaskLengths> lengths;  // limits; default: the task's, else 512 and 128
};

// Reads the file to its end: {"path", "kind": "data", "lines", "bytes", "longest_line",
// "empty_lines", "duplicate_lines", "broken", "broken_lines": [{"line", "message"}], "keys": {name:
// rows}, "first", "unit": "tokens"|"characters", "lengths": {field or side: LengthCounts},
// "examples": [...]}. With a task: {"path", "kind": "task data", "task", "rows", "duplicates",
// "empty", ...}; then a row that does not fit is a UserError (file:line).
//
// An example is what a model would be given: {"id", "input", "input_ids", "target", "target_ids",
// "decoder_input_ids", "decoded_target"}; of a corpus, the first segments through span corruption.
absl::StatusOr<Json> InspectData(const std::string& path, const DataView& view);

std::string DataText(const Json& inspection);

}  // namespace regroup
