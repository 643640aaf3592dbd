// Checks across stages: references, cycles, tasks and corpora that exist, options without effect.
// Called by recipe.cc.
#pragma once

#include "recipe/recipe.h"

namespace regroup {

void CheckRecipe(const Recipe& recipe, Problems& problems);

// Puts every stage after those that it needs (otherwise in the order of the file); a cycle is a
// problem.
void OrderStages(Recipe& recipe, Problems& problems);

}  // namespace regroup
