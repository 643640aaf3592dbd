// regroup recipes list | show, and the hidden `docs` that writes docs/recipes.md and the table of
// commands.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "core/files.h"
#include "recipe/describe.h"
#include "recipe/recipe.h"
#include "report/table.h"

namespace regroup {
namespace {

struct NoOptions {
  template <class Self, class Visitor>
  static void Visit(Self&, Visitor&) {}
};

struct ShowOptions {
  std::string name;
  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("name", "name of a shipped recipe").Required(), c.name);
  }
};

struct DocsOptions {
  std::string what;
  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("what", "which page").Required().OneOf({"recipes"}), c.what);
  }
};

absl::StatusOr<std::string> RecipesFolder() {
  const std::string home = HomeFolder();
  if (!home.empty()) return JoinPath(home, "recipes");
  return UserError("recipes",
                   "the shipped recipes are not beside this binary; set REGROUP_HOME to the folder "
                   "with recipes/ and configs/");
}

absl::StatusOr<std::vector<std::string>> RecipeNames(const std::string& folder) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> files, ListFolder(folder));
  std::vector<std::string> names;
  for (const std::string& file : files) {
    if (file.ends_with(".yaml")) names.push_back(file.substr(0, file.size() - 5));
  }
  return names;
}

// The comment block at a recipe's beginning.
std::string HeadComment(const std::string& text) {
  std::string head;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line[0] != '#') break;
    absl::StrAppend(&head, line, "\n");
  }
  return head;
}

// What the recipe answers: its first line, "# Question: ...".
std::string Question(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, absl::MaxSplits('\n', 1));
  constexpr char kMark[] = "# Question: ";
  if (lines[0].starts_with(kMark)) lines[0].erase(0, sizeof kMark - 1);
  return lines[0];
}

absl::Status List(const NoOptions&, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const std::string folder, RecipesFolder());
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, RecipeNames(folder));
  TextTable table{{"recipe", "question"}, {}};
  Json json = Json::array();
  for (const std::string& name : names) {
    REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(JoinPath(folder, name + ".yaml")));
    const std::string first = Question(text);
    json.push_back(
        {{"name", name}, {"question", first}, {"file", JoinPath(folder, name + ".yaml")}});
    table.rows.push_back({name, first});
  }
  std::cout << (common.json ? DumpJson(json) + "\n" : FormatTable(table));
  return absl::OkStatus();
}

absl::Status Show(const ShowOptions& options, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const std::string folder, RecipesFolder());
  REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> names, RecipeNames(folder));
  if (std::find(names.begin(), names.end(), options.name) == names.end()) {
    return UserError("recipes show", absl::StrCat("there is no recipe \"", options.name, "\"",
                                                  DidYouMean(options.name, names)));
  }
  const std::string path = JoinPath(folder, options.name + ".yaml");
  const LoadedRecipe loaded = LoadRecipe(path, {});
  REGROUP_RETURN_IF_ERROR(loaded.problems.ToStatus());
  if (common.json) {
    std::cout << DumpJson(NodeToJson(loaded.recipe.tree)) << "\n";
    return absl::OkStatus();
  }
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::cout << HeadComment(text) << WriteYaml(loaded.recipe.tree);
  return absl::OkStatus();
}

absl::Status Docs(const DocsOptions&, const CommonOptions&) {
  std::cout << RecipeDocs();
  return absl::OkStatus();
}

}  // namespace

Command RecipesListCommand() {
  return MakeCommand<NoOptions>("recipes list", "the shipped recipes, one line each",
                                {"regroup recipes list"}, {}, List);
}

Command RecipesShowCommand() {
  return MakeCommand<ShowOptions>("recipes show",
                                  "a shipped recipe, resolved: plan accepts it from any folder",
                                  {"regroup recipes show quickstart > my.yaml"}, {"name"}, Show);
}

Command DocsCommand() {
  return MakeCommand<DocsOptions>("docs", "prints generated pages",
                                  {"regroup docs recipes > docs/recipes.md"}, {"what"}, Docs);
}

}  // namespace regroup
