// The promise of recipe/yaml_tree.h: what it writes is read back as the same tree.
#pragma once

#include "core/status.h"
#include "recipe/yaml_tree.h"

namespace regroup::fuzz {

inline bool SameTree(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.keys != b.keys) return false;
  if (NodeToJson(a).dump() != NodeToJson(b).dump()) return false;
  for (size_t i = 0; i < a.items.size(); ++i) {
    if (!SameTree(a.items[i], b.items[i])) return false;
  }
  return a.items.size() == b.items.size();
}

inline void CheckWriting(const Node& tree) {
  Problems problems;
  const std::string text = WriteYaml(tree);
  const Node again = ParseYaml(text, "again.yaml", problems);
  REGROUP_CHECK(problems.empty(), std::string(problems.ToStatus().message()) + "\n" + text);
  REGROUP_CHECK(SameTree(tree, again), text);
}

}  // namespace regroup::fuzz
