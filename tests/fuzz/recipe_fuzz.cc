// A recipe with its parts: files in one text, each but the first under a line "=== NAME"; the lines
// under "=== --set" are overrides. It is loaded as `plan` loads it, up to the graph of stages; no
// data and no model is opened.
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "fuzz/fuzz.h"
#include "fuzz/yaml_tree.h"
#include "recipe/recipe.h"

namespace regroup {
namespace {

constexpr absl::string_view kFileMark = "=== ";
constexpr absl::string_view kSets = "--set";

// Names that recipes of the corpus use; another one would lead out of the folder, or nowhere.
std::string FileName(absl::string_view name) {
  for (const char* known : {"a.yaml", "b.yaml", "task.yaml"}) {
    if (name == known) return known;
  }
  return "recipe.yaml";
}

struct Input {
  std::map<std::string, std::string> files;
  std::vector<std::string> sets;
};

Input Split(absl::string_view text) {
  Input input;
  std::string name = "recipe.yaml";
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, kFileMark)) {
      const absl::string_view rest = line.substr(kFileMark.size());
      name = rest == kSets ? std::string(kSets) : FileName(rest);
    } else if (name == kSets) {
      input.sets.emplace_back(line);
    } else {
      input.files[name].append(line.data(), line.size()).append("\n");
    }
  }
  return input;
}

void CheckOrder(const Recipe& recipe) {
  std::vector<std::string> done;
  for (const Stage& stage : recipe.stages) {
    for (const std::string& need : stage.needs) {
      REGROUP_CHECK(std::find(done.begin(), done.end(), need) != done.end(), need);
    }
    done.push_back(stage.name);
  }
}

}  // namespace
}  // namespace regroup

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  Input input = Split(ToAbsl(fuzz::Text(data, size)));
  for (const char* name : {"recipe.yaml", "a.yaml", "b.yaml", "task.yaml"}) {
    fuzz::Folder().Write(name, input.files[name]);
  }
  const LoadedRecipe loaded = LoadRecipe(fuzz::Folder().File("recipe.yaml"), input.sets);
  fuzz::CheckRefusal(loaded.problems.ToStatus());
  if (!loaded.problems.empty()) return 0;
  CheckOrder(loaded.recipe);
  for (const Stage& stage : loaded.recipe.stages) StageConfigToJson(stage.config, true);
  fuzz::CheckWriting(loaded.recipe.tree);
  return 0;
}
