// From files to a Recipe: compose, override, expand, read, check.
#include "recipe/recipe.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/near_path.h"
#include "recipe/compose.h"
#include "recipe/expand.h"
#include "recipe/graph.h"
#include "recipe/reader.h"
#include "recipe/stage_kinds.h"

namespace regroup {
namespace {

bool IsName(const std::string& name) {
  const bool letters = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  return letters && !name.empty() && name.front() != '-';
}

// A --set for one stage of several variants finds its stage only after expansion.
bool IsForExpandedStage(const Override& one, const Node& root) {
  if (one.path.size() < 2 || one.path[0] != "stages") return false;
  const Node* stages = root.Find("stages");
  return stages != nullptr && stages->Find(one.path[1]) == nullptr;
}

void ApplyToExpanded(const Override& one, Node& root, Problems& problems) {
  const Node* stages = root.Find("stages");
  if (stages != nullptr && stages->Find(one.path[1]) != nullptr)
    return ApplyOverride(root, one, problems);
  problems.Add(
      Problem{absl::StrCat("--set ", absl::StrJoin(one.path, ".")),
              absl::StrCat("there is no stage \"", one.path[1], "\"",
                           stages != nullptr ? DidYouMean(one.path[1], stages->keys) : "")});
}

// False: no map at all.
bool CheckDefaults(const Node& defaults, const Node& stages, Problems& problems) {
  const std::string expected = ", expected a kind of stage: {key: value}";
  if (!defaults.IsMap() && defaults.kind != Node::Kind::kNull) {
    problems.Add(defaults.mark, "defaults", absl::StrCat("found ", Describe(defaults), expected));
    return false;
  }
  for (size_t i = 0; i < defaults.keys.size(); ++i) {
    const std::string& kind = defaults.keys[i];
    const std::string section = JoinKey("defaults", kind);
    const bool used = std::any_of(stages.items.begin(), stages.items.end(),
                                  [&](const Node& stage) { return stage.Find(kind) != nullptr; });
    if (!IsStageKind(kind)) {
      problems.Add(defaults.key_marks[i], section,
                   absl::StrCat("is not a kind of stage", DidYouMean(kind, StageKinds())));
    } else if (!defaults.items[i].IsMap()) {
      problems.Add(defaults.items[i].mark, section,
                   absl::StrCat("found ", Describe(defaults.items[i]), ", expected {key: value}"));
    } else if (!used) {
      problems.Add(defaults.key_marks[i], section,
                   absl::StrCat("has no effect: no stage is of the kind ", kind));
    }
  }
  return true;
}

// False: too much once every stage has its defaults.
bool CheckSize(const Node& defaults, const Node& stages, Problems& problems) {
  TreeSize size;
  for (size_t i = 0; i < defaults.keys.size(); ++i) {
    const TreeSize one = SizeOf(defaults.items[i]);
    for (const Node& stage : stages.items) {
      if (stage.Find(defaults.keys[i]) != nullptr) size += one;
    }
  }
  if (!size.TooLarge()) return true;
  problems.Add(defaults.mark, "defaults",
               absl::StrCat(TreeSize::Limit(), " once every stage has them"));
  return false;
}

void ApplyDefaults(Node& root, Problems& problems) {
  const Node* defaults = root.Find("defaults");
  Node* stages = root.Find("stages");
  if (defaults == nullptr || stages == nullptr || !stages->IsMap()) return;
  if (!CheckDefaults(*defaults, *stages, problems) || !CheckSize(*defaults, *stages, problems)) {
    return root.Erase("defaults");
  }
  for (size_t i = 0; i < defaults->keys.size(); ++i) {
    for (Node& stage : stages->items) {
      Node* own = stage.Find(defaults->keys[i]);
      if (own == nullptr) continue;
      Node merged = defaults->items[i];
      MergeOver(merged, *own);
      *own = std::move(merged);
    }
  }
  root.Erase("defaults");
}

Node Compose(const std::string& path, const std::vector<std::string>& sets, Problems& problems) {
  Node root = LoadWithIncludes(path, problems);
  std::vector<Override> late;
  for (Override& one : ParseOverrides(sets, problems)) {
    if (IsForExpandedStage(one, root)) {
      late.push_back(std::move(one));
    } else {
      ApplyOverride(root, one, problems);
    }
  }
  if (Node* stages = root.Find("stages"); stages != nullptr && stages->IsMap()) {
    *stages = ExpandStages(*stages, root.Find("for_each"), problems);
  }
  root.Erase("for_each");
  for (const Override& one : late) ApplyToExpanded(one, root, problems);
  ApplyDefaults(root, problems);
  return root;
}

void CheckName(const std::string& name, const Mark& mark, const std::string& what,
               Problems& problems) {
  if (IsName(name)) return;
  problems.Add(
      mark, what,
      absl::StrCat("found \"", name, "\", expected letters, digits, _ and - (it names a folder)"));
}

void ReadStages(Node& stages, Recipe& recipe, Problems& problems) {
  if (!stages.IsMap()) {
    problems.Add(stages.mark, "stages",
                 absl::StrCat("found ", Describe(stages), ", expected name: {kind: {...}}"));
    return;
  }
  if (stages.items.empty())
    problems.Add(stages.mark, "stages",
                 "is empty: nothing would be done; expected name: {kind: {...}}");
  for (size_t i = 0; i < stages.items.size(); ++i) {
    const std::string& name = stages.keys[i];
    const std::string section = JoinKey("stages", name);
    CheckName(name, stages.key_marks[i], section, problems);
    if (name == "tokenizer") {
      problems.Add(stages.key_marks[i], section,
                   "this name is taken by the vocabulary's own stage");
    }
    Stage stage;
    stage.name = name;
    stage.mark = stages.key_marks[i];
    if (ReadStage(stages.items[i], section, stage, problems))
      recipe.stages.push_back(std::move(stage));
  }
}

void ReadTaskFiles(Recipe& recipe, Problems& problems) {
  for (const auto& [name, entry] : recipe.head.tasks) {
    if (!entry.task.empty()) recipe.task_files[name] = ReadTaskFile(entry.task, problems);
  }
}

}  // namespace

std::string Stage::Place() const { return absl::StrCat(mark.Text(), ": stages.", name); }

const Stage* Recipe::Find(const std::string& name) const {
  for (const Stage& stage : stages) {
    if (stage.name == name) return &stage;
  }
  return nullptr;
}

std::vector<std::string> Recipe::StageNames() const {
  std::vector<std::string> names;
  for (const Stage& stage : stages) names.push_back(stage.name);
  return names;
}

LoadedRecipe LoadRecipe(const std::string& path, const std::vector<std::string>& sets) {
  LoadedRecipe loaded;
  Recipe& recipe = loaded.recipe;
  Problems& problems = loaded.problems;
  recipe.file = path;
  if (!FileExists(path)) {
    problems.Add(Problem{path, absl::StrCat("there is no such recipe", DidYouMeanPath(path),
                                            "; `regroup recipes list` names the shipped ones")});
    return loaded;
  }
  recipe.tree = Compose(path, sets, problems);
  if (recipe.tree.items.empty() && !problems.empty()) return loaded;  // nothing could be read
  ReadConfig(recipe.tree, "", recipe.head, problems);
  if (const Node* name = recipe.tree.Find("name"); name != nullptr && name->IsScalar())
    CheckName(name->text, name->mark, "name", problems);
  if (Node* stages = recipe.tree.Find("stages")) ReadStages(*stages, recipe, problems);
  ReadTaskFiles(recipe, problems);
  CheckRecipe(recipe, problems);
  OrderStages(recipe, problems);
  problems.Sort();
  return loaded;
}

}  // namespace regroup
