// The kinds of stages: one table from a kind's name to its struct. The reader, the graph and the
// help use it.
#pragma once

#include <string>
#include <vector>

#include "recipe/recipe.h"

namespace regroup {

const std::vector<std::string>& StageKinds();  // in the order of StageConfig
bool IsStageKind(const std::string& kind);
// An empty config of a kind.
StageConfig MakeStageConfig(const std::string& kind);
// Kinds whose result is a model, so that `from` may name them.
bool MakesModel(const std::string& kind);

// Reads {kind: {...}} into stage.kind and stage.config. False: it is not a stage at all (a problem
// was added).
bool ReadStage(Node& node, const std::string& section, Stage& stage, Problems& problems);

}  // namespace regroup
