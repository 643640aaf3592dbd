// The identity of every stage of a recipe, before it runs: what decides whether a finished stage is
// still current.
#pragma once

#include <map>
#include <string>

#include "core/status.h"
#include "pipeline/run_folder.h"
#include "recipe/recipe.h"

namespace regroup {

// By stage name, the tokenizer's own stage included. Files that stages read are hashed (large
// corpora: their sizes and beginnings); a stage that reads another one holds that one's hash.
// Missing files: UserError.
absl::StatusOr<std::map<std::string, StageIdentity>> StageIdentities(const Recipe& recipe);

// The vocabulary comes first if the recipe trains one.
bool TrainsTokenizer(const Recipe& recipe);

}  // namespace regroup
