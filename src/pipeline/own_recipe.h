// `recipes copy uptrain-mine`: a commented recipe for a person's own checkpoint and rows, with the
// task file and the split beside it. `plan` accepts it as it stands.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "pipeline/own_rows.h"

namespace regroup {

struct OwnRecipeRequest {
  std::string model;  // Hugging Face T5 folder with its vocabulary
  std::string data;   // JSON lines
  std::string to;     // folder to make: absent or empty
  OwnTask task;       // what is given of input, target, metric
};

struct OwnRecipe {
  std::string recipe;  // path of recipe.yaml
  OwnRows rows;
  std::vector<std::string> variants;  // "gqa: 6 K/V heads"
};

// Reads config and vocabulary of the model and all rows, then writes recipe.yaml, task.yaml (if
// there is a task) and {train,dev,test}.jsonl into `to`. Steps are chosen so that all of it takes
// about two hours on this machine by plan's estimate. UserErrors: what LoadHfConfig,
// Tokenizer::Load, LookAtOwnRows and CheckNewFolder refuse.
absl::StatusOr<OwnRecipe> WriteOwnRecipe(const OwnRecipeRequest& request);

// The divisor of `heads` below it that is nearest to `wanted`, the smaller of two; 1 for a prime.
int64_t NearestKvHeads(int64_t heads, int64_t wanted);

}  // namespace regroup
