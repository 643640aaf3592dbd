// Checks across stages: references, cycles, tasks and corpora that exist, options without effect.
// Called by recipe.cc.
#pragma once

#include <optional>
#include <string>

#include "recipe/recipe.h"

namespace regroup {

void CheckRecipe(const Recipe& recipe, Problems& problems);

// Puts every stage after those that it needs (otherwise in the order of the file); a cycle is a
// problem.
void OrderStages(Recipe& recipe, Problems& problems);

// What the training stage `name` is watched with: its own `validate`, else (for uptraining) that of
// the stage it comes from; nullopt where there is none.
std::optional<ValidationConfig> ValidationOf(const Recipe& recipe, const std::string& name);

}  // namespace regroup
