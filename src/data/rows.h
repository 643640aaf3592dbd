// Rows on disk (contract: "Rows and text") and tasks over them. `evaluate`, `train` (through
// streams) and `cli` use it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "data/data_config.h"
#include "data/example_stream.h"
#include "data/task_window.h"
#include "text/tokenizer.h"

namespace regroup {

// One evaluated row: ids to feed, texts to score against.
struct Row {
  Example example;          // .id: the row's id as text; target_ids empty if the row has no target
  Json id;                  // as given, or the row's number
  std::string source_text;  // "" for rows of ids
  std::vector<std::string> references;  // empty for rows of ids
  bool truncated = false;               // the source was cut to the task's length
  bool target_truncated = false;        // so was the target that trains
  // Training on a windowed task, where the source is longer than its length: the stream draws
  // another window every time, example.input_ids is its beginning.
  std::shared_ptr<const WindowedSource> window = nullptr;
};

// JSON-lines rows {"id"?, "input", "target"|"targets"} or {"id"?, "input_ids", "target_ids"}: calls
// `use` in order. Source and target may be given in either form; other keys are ignored. Ids stand
// as they are, text gets EOS. `tokenizer` may be null if all rows hold ids. A bad row is a
// UserError naming file and line.
absl::Status ForEachRow(const std::string& path, const Tokenizer* tokenizer, int64_t vocab_size,
                        const std::function<absl::Status(Row)>& use);

// All rows of a task's data in file order (task_readers.h), fields prepared (task_fields.h),
// template applied (template.h), cut to lengths with EOS last. A row's id is its field "id", else
// its number. Training cuts the field `window` around the target instead (task_window.h) and leaves
// out rows where that is not possible. How many sources and targets were cut and how many rows were
// left out is logged. UserError for a row that does not fit (file:line) and for a file without
// rows.
absl::StatusOr<std::vector<Row>> ReadTaskRows(const TextTaskConfig& task, const std::string& path,
                                              const Tokenizer& tokenizer,
                                              RowUse purpose = RowUse::kEvaluation);

// Reads the same file without a tokenizer: the errors that ReadTaskRows would give, before hours of
// work that lead to it.
absl::Status CheckTaskRows(const TextTaskConfig& task, const std::string& path,
                           RowUse purpose = RowUse::kEvaluation);

// Endless stream over rows (at least one): epoch e is the permutation keyed by (seed, e), the
// window of the example at position p is keyed by (seed, p) and at most `source_length` ids long.
// Seeking needs no hint.
std::unique_ptr<ExampleStream> MakeTaskStream(std::vector<Row> rows, Json fingerprint,
                                              uint64_t seed, int64_t source_length);

}  // namespace regroup
