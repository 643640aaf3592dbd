// regroup recipes list | show | copy, and the hidden `docs` that writes docs/recipes.md and the
// table of commands.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/share.h"
#include "core/files.h"
#include "core/log.h"
#include "pipeline/own_recipe.h"
#include "recipe/describe.h"
#include "recipe/recipe.h"
#include "report/table.h"

namespace regroup {
namespace {

constexpr char kOwn[] = "uptrain-mine";

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

struct CopyOptions {
  std::string name;
  std::string to, model, data;
  OwnTask task;
  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("name", "a shipped recipe, or uptrain-mine").Required(), c.name);
    v(Field("to", "file to write (NAME.yaml); with uptrain-mine the folder (uptrain-mine)"), c.to);
    v(Field("model", "with uptrain-mine: your checkpoint, a Hugging Face T5 folder"), c.model);
    v(Field("data", "with uptrain-mine: your rows, JSON lines"), c.data);
    v(Field("input", "with uptrain-mine: template of the source, \"summarize: {article}\""),
      c.task.input);
    v(Field("target", "with uptrain-mine: template of the target, \"{summary}\""), c.task.target);
    v(Field("metric", "with uptrain-mine: what scores the task")
          .OneOf({"bleu", "chrf", "rouge", "squad", "trivia_qa", "accuracy", "exact_match"}),
      c.task.metric);
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
  const std::string share = ShareFolder();
  if (!share.empty()) return JoinPath(share, "recipes");
  return UserError(
      "recipes",
      "the shipped recipes are not beside this binary; set REGROUP_SHARE to the folder "
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
  table.rows.push_back(
      {kOwn,
       "your own checkpoint and rows: regroup recipes copy uptrain-mine --model DIR --data FILE"});
  std::cout << (common.json ? DumpJson(json) + "\n" : FormatTable(table));
  return absl::OkStatus();
}

// Path of the shipped recipe `name`. UserError at `place` where there is none.
absl::StatusOr<std::string> ShippedRecipe(const std::string& name, const std::string& place) {
  REGROUP_ASSIGN_OR_RETURN(const std::string folder, RecipesFolder());
  REGROUP_ASSIGN_OR_RETURN(std::vector<std::string> names, RecipeNames(folder));
  if (std::find(names.begin(), names.end(), name) != names.end())
    return JoinPath(folder, name + ".yaml");
  names.push_back(kOwn);
  if (name == kOwn)
    return UserError(place,
                     "this one is made for a checkpoint: regroup recipes copy uptrain-mine --model "
                     "DIR --data FILE");
  return UserError(place,
                   absl::StrCat("there is no recipe \"", name, "\"", DidYouMean(name, names)));
}

// The recipe with its parts and variants written out: plan accepts it from any folder.
absl::StatusOr<std::string> ResolvedText(const std::string& path, const Recipe& recipe) {
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return HeadComment(text) + WriteYaml(recipe.tree);
}

absl::Status Show(const ShowOptions& options, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const std::string path, ShippedRecipe(options.name, "recipes show"));
  const LoadedRecipe loaded = LoadRecipe(path, {});
  REGROUP_RETURN_IF_ERROR(loaded.problems.ToStatus());
  if (common.json) {
    std::cout << DumpJson(NodeToJson(loaded.recipe.tree)) << "\n";
    return absl::OkStatus();
  }
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ResolvedText(path, loaded.recipe));
  std::cout << text;
  return absl::OkStatus();
}

absl::Status CopyShipped(const CopyOptions& options) {
  REGROUP_ASSIGN_OR_RETURN(const std::string path, ShippedRecipe(options.name, "recipes copy"));
  for (const auto& [flag, given] : {std::pair("--model", &options.model),
                                    {"--data", &options.data},
                                    {"--input", &options.task.input},
                                    {"--target", &options.task.target},
                                    {"--metric", &options.task.metric}}) {
    if (!given->empty())
      return UserError(flag, absl::StrCat("has no effect on a copy of ", options.name,
                                          "; it belongs to uptrain-mine"));
  }
  const std::string to = options.to.empty() ? options.name + ".yaml" : options.to;
  if (FileExists(to) || FolderExists(to))
    return UserError(to, "is there already; name another place with --to");
  const LoadedRecipe loaded = LoadRecipe(path, {});
  REGROUP_RETURN_IF_ERROR(loaded.problems.ToStatus());
  REGROUP_ASSIGN_OR_RETURN(const std::string text, ResolvedText(path, loaded.recipe));
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(to, text));
  std::cout << "written: " << to << "\n";
  LogInfo(absl::StrCat("now: edit it, then regroup plan ", to));
  return absl::OkStatus();
}

absl::Status CopyOwn(const CopyOptions& options, const CommonOptions& common) {
  for (const auto& [flag, given] :
       {std::pair("--model", &options.model), {"--data", &options.data}}) {
    if (given->empty())
      return UserError(flag, "is missing; uptrain-mine is written for a checkpoint and its rows");
  }
  if (options.task.input.empty() != options.task.target.empty())
    return UserError(options.task.input.empty() ? "--input" : "--target",
                     "is missing: --input and --target belong together");
  REGROUP_ASSIGN_OR_RETURN(const OwnRecipe made,
                           WriteOwnRecipe({options.model, options.data,
                                           options.to.empty() ? kOwn : options.to, options.task}));
  if (common.json) {
    std::cout << DumpJson(Json{{"recipe", made.recipe},
                               {"input", made.rows.task.input},
                               {"target", made.rows.task.target},
                               {"metric", made.rows.task.metric},
                               {"train", made.rows.train},
                               {"dev", made.rows.dev},
                               {"test", made.rows.test}})
              << "\n";
  } else {
    std::cout << "written: " << made.recipe << "\n" << absl::StrJoin(made.variants, "\n") << "\n";
    if (made.rows.task.HasTask())
      std::cout << "task: " << made.rows.task.input << " -> " << made.rows.task.target << ", "
                << made.rows.task.metric << "\n";
    std::cout << FormatCount(made.rows.train) << " rows to train on, " << FormatCount(made.rows.dev)
              << " dev, " << FormatCount(made.rows.test) << " test\n";
  }
  LogInfo(absl::StrCat("now: regroup plan ", made.recipe, ", then regroup run ", made.recipe));
  return absl::OkStatus();
}

absl::Status Copy(const CopyOptions& options, const CommonOptions& common) {
  return options.name == kOwn ? CopyOwn(options, common) : CopyShipped(options);
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

Command RecipesCopyCommand() {
  return MakeCommand<CopyOptions>(
      "recipes copy", "a recipe of your own: a shipped one, or one for your checkpoint and rows",
      {"regroup recipes copy quickstart --to my.yaml",
       "regroup recipes copy uptrain-mine --model t5-v1_1-base --data rows.jsonl",
       "regroup recipes copy uptrain-mine --model t5-v1_1-base --data rows.jsonl --input "
       "\"summarize: {text}\" --target \"{summary}\""},
      {"name"}, Copy);
}

Command DocsCommand() {
  return MakeCommand<DocsOptions>("docs", "prints generated pages",
                                  {"regroup docs recipes > docs/recipes.md"}, {"what"}, Docs);
}

}  // namespace regroup
