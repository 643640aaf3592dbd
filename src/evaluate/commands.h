// What the commands `score`, `generate` and `evaluate` do once their flags are read: results go to
// `out`, progress to the log. `cli` calls them.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "core/status.h"
#include "decode/decode_config.h"
#include "evaluate/task.h"

namespace regroup {

struct ScoreRequest {
  std::string model, data;         // model folder; JSON-lines rows, each with a target
  std::string precision = "fp32";  // fp32 | bf16
  bool per_row = false;
  bool json = false;
  int64_t batch_tokens = 16384;
};
// Per row: one line each in input order, written as soon as known; a bad row ends it (UserError),
// rows before it stay. Else: one line at the end, nothing if any row is bad.
absl::Status ScoreFile(const ScoreRequest& request, std::ostream& out);

struct GenerateRequest {
  std::string model, data;
  std::string output;  // file instead of `out`; "" = `out`
  std::string precision = "fp32";
  DecodeConfig decode;  // what is absent: WithDefaults
};
// {"id", "output_ids", "output", "score", "finish"} per row, in input order. With decode.n_best > 1
// also "n_best": the best hypotheses of the row, this one first, as objects of the same four keys;
// fewer than asked for where the search found fewer. With `output`, a run
// that was killed goes on behind the last whole line (a torn line is dropped) and ends with the
// same bytes as one that was never killed: rows are batched in windows that depend on the data
// only. FILE.run.json remembers model, data and options; a file made with others, and one that this
// command did not begin, is a UserError.
absl::Status GenerateFile(const GenerateRequest& request, std::ostream& out);

struct EvaluateRequest {
  std::string model, data;
  TaskConfig task;
  std::string split = "test";  // only a name in the result
  std::string precision = "fp32";
  std::string predictions;  // file for {"id", "output", "references"} lines; "":
                            // <folder above>.<model>.<task>.predictions.jsonl
  uint64_t seed = 1;        // of the bootstrap and of the shuffled references
  bool json = false;
};
absl::Status EvaluateFile(const EvaluateRequest& request, std::ostream& out);
// Where it writes the predictions.
std::string PredictionsPath(const EvaluateRequest& request);

// "score", "generate" and "evaluate" compute in this type: "" and "fp32", "bf16"; anything else is
// a UserError.
absl::StatusOr<at::ScalarType> ComputeType(const std::string& precision);

}  // namespace regroup
