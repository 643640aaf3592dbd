// What a path names, whatever it is: finds out the kind and asks the file that knows it. The
// `inspect` command calls it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"
#include "pipeline/inspect_data.h"

namespace regroup {

struct InspectOptions {
  std::string path;
  DataView data;         // has an effect on data files alone
  std::string text;      // sample for a tokenizer
  bool tensors = false;  // every tensor of a checkpoint
};

// The result's "kind" says which form it has: "model" and "training checkpoint"
// (inspect_checkpoint.h), "run" and "stage" (inspect_run.h), "tokenizer" (inspect_tokenizer.h),
// "recipe", "task" and "part" (inspect_recipe.h), "data" and "task data" (inspect_data.h), and
// "tensors", a file of weights (.safetensors, .bin): {"path", "kind", "bytes", "tensors": [{"name",
// "shape", "dtype"}]}. UserError for anything else, for what is not there (with the nearest name),
// and for an option that has no effect on that kind.
absl::StatusOr<Json> InspectPath(const InspectOptions& options);

std::string InspectionWords(const Json& inspection, const InspectOptions& options);

}  // namespace regroup
