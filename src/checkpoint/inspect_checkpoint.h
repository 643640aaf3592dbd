// What is in a model folder or a training checkpoint. Used by the `inspect` command.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// True for a folder that InspectCheckpoint understands (it holds config.json).
bool IsCheckpointFolder(const std::string& path);

// {"path", "kind": "model"|"training checkpoint", "family", "config", "kv_heads",
// "kv_bytes_per_position" (at the weights' width), "kv_bytes": {"fp32"|"bf16": {site: bytes}, all
// decoder layers, "multi_head": {"fp32"|"bf16"}}, "parameters", "dtype", "bytes", "weights_hash",
// "tensors": [{"name", "shape", "dtype"}], "values": {group: StatisticsToJson and "tensors"},
// "not_finite": [{"name", "nan", "infinite"}], "tokenizer", "provenance", "history": [text],
// "notes": [text]}; of a training checkpoint also "step", "progress" and "optimizer": {"tensors",
// "bytes"}.
//
// Names, shapes and types are checked as training would; values are not: NaN is counted and named.
// Weights stay on the mapped files and are looked at one tensor at a time. A training checkpoint's
// manifest is verified.
absl::StatusOr<Json> InspectCheckpoint(const std::string& folder);

// The same for people, a screen or so. `tensors`: with a line for every tensor.
std::string InspectionText(const Json& inspection, bool tensors = false);

}  // namespace regroup
