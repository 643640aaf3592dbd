// --set: a line per override, laid over a small recipe.
#include "absl/strings/str_split.h"
#include "fuzz/fuzz.h"
#include "fuzz/yaml_tree.h"
#include "recipe/compose.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  Problems problems;
  Node tree = ParseYaml("name: a\nstages: {parent: {pretrain: {steps: 1}}, list: [1, 2]}\n",
                        "a.yaml", problems);
  const std::vector<std::string> sets = absl::StrSplit(ToAbsl(fuzz::Text(data, size)), '\n');
  for (const Override& one : ParseOverrides(sets, problems)) ApplyOverride(tree, one, problems);
  fuzz::CheckRefusal(problems.ToStatus());
  if (problems.empty()) fuzz::CheckWriting(tree);
  return 0;
}
