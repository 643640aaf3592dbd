// A recipe's tree from its file, what that includes, and --set. Called by recipe.cc.
#pragma once

#include <string>
#include <vector>

#include "recipe/yaml_tree.h"

namespace regroup {

// `over` laid over `base`: sections merge key by key, anything else is replaced.
void MergeOver(Node& base, const Node& over);

// Reads `path` with its includes: later parts win over earlier ones, own keys over all of them.
Node LoadWithIncludes(const std::string& path, Problems& problems);

// One --set: "key.path=value", the value being YAML. Paths in it are relative to the working
// directory.
struct Override {
  std::string text;               // as typed
  std::vector<std::string> path;  // keys
  Node value;
};
std::vector<Override> ParseOverrides(const std::vector<std::string>& sets, Problems& problems);

// Puts the value at its path; sections that are missing on the way are made.
void ApplyOverride(Node& root, const Override& override_, Problems& problems);

}  // namespace regroup
