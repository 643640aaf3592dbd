// Every key of a recipe, told by the visitors: for messages ("valid in ...") and for
// docs/recipes.md.
#pragma once

#include <string>
#include <vector>

namespace regroup {

struct KeyLine {
  std::string name, type, default_text, help;
  std::string allowed;  // limits or choices, "" if none
};
struct SectionText {
  std::string path;  // "stages.<name>.pretrain.batch"; "" is the top level
  std::vector<KeyLine> keys;
};

// Sections in reading order, task files last (path "task file").
std::vector<SectionText> DescribeRecipes();

// Paths of the sections that have this key, at most four.
std::vector<std::string> SectionsWithKey(const std::string& key);

// The whole of docs/recipes.md.
std::string RecipeDocs();

}  // namespace regroup
