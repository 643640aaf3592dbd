// Inspection of what is not a model: run folders, tokenizers, data files. The `inspect` command
// calls it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Run folder: {"path", "kind": "run", "stages": [{"name", "kind", "state", "seconds", "model"}]};
// folder of a stage: {"path", "kind": "stage", "name", "stage_kind", "state", "seconds", "model",
// "files"};
// file of weights (.safetensors, .bin): {"path", "kind": "tensors", "bytes", "tensors": [{"name",
// "shape", "dtype"}]}; tokenizer (folder or spiece.model): {"path", "kind": "tokenizer", "size",
// "sentinels", "fingerprint"}; data file, read to its end: {"path", "kind": "data", "lines",
// "bytes", "longest_line", "empty_lines", "broken_lines":
// [{"line", "message"}], "keys": {name: rows}, "first"}. Anything else: UserError.
absl::StatusOr<Json> InspectOther(const std::string& path);

std::string OtherInspectionText(const Json& inspection);

}  // namespace regroup
