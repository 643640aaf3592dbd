// Any YAML: an accepted document of sections is the same after writing and reading it.
#include "fuzz/fuzz.h"
#include "fuzz/yaml_tree.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace regroup;
  Problems problems;
  const Node tree = ParseYaml(std::string(fuzz::Text(data, size)), "a.yaml", problems);
  if (problems.empty() && tree.IsMap()) fuzz::CheckWriting(tree);
  return 0;
}
