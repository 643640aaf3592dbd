// for_each: writes a stage once for several variants. Called by recipe.cc on the `stages` section.
#pragma once

#include "recipe/yaml_tree.h"

namespace regroup {

// Returns `stages` with every stage whose name holds {v} written once per variant of v (several
// variables: their product). {v} is the variant's name, {v.field} its field; a scalar that is
// exactly one placeholder takes the field's value with its type; in a list, an entry with a
// variable that the stage's name does not bind becomes one entry per variant. `for_each` may be
// null.
Node ExpandStages(const Node& stages, const Node* for_each, Problems& problems);

}  // namespace regroup
