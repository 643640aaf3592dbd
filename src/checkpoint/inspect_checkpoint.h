// What is in a model folder or a training checkpoint, in words a person wants. Used by the
// `inspect` command.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// True for a folder that InspectCheckpoint understands (it holds config.json).
bool IsCheckpointFolder(const std::string& path);

// {"path", "kind": "model"|"training checkpoint", "family", "config", "kv_heads",
// "kv_bytes_per_position", "parameters", "dtype", "bytes", "weights_hash", "tensors": [{"name",
// "shape", "dtype"}], "tokenizer", "provenance", "step", "progress", "notes": [text]}. Loads and
// checks the weights; a training checkpoint's manifest is verified too.
absl::StatusOr<Json> InspectCheckpoint(const std::string& folder);

// The same for people, a screen or so (tensors are counted, not listed).
std::string InspectionText(const Json& inspection);

}  // namespace regroup
