// regroup recipes list | show | copy, and the hidden `docs` that writes docs/recipes.md and the
// table of commands.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/next_step.h"
#include "cli/shipped.h"
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
    v(Field("to", "file to write (NAME.yaml); with uptrain-mine the folder (uptrain-mine)").Path(),
      c.to);
    v(Field("model", "with uptrain-mine: your checkpoint, a Hugging Face T5 folder").Path(),
      c.model);
    v(Field("data", "with uptrain-mine: your rows, JSON lines").Path(), c.data);
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

// The comment block at a recipe's beginning.
std::string HeadComment(const std::string& text) {
  std::string head;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty() || line[0] != '#') break;
    absl::StrAppend(&head, line, "\n");
  }
  return head;
}

// The value of "# Key: ..." in a recipe's first comment, which may go on over indented lines.
std::string HeadValue(const std::string& head, const std::string& key) {
  std::string value;
  bool inside = false;
  for (const absl::string_view line : absl::StrSplit(head, '\n')) {
    const std::string mark = absl::StrCat("# ", key, ": ");
    if (absl::StartsWith(line, mark)) {
      inside = true;
      value = std::string(line.substr(mark.size()));
    } else if (inside && absl::StartsWith(line, "#   ")) {
      absl::StrAppend(&value, " ", absl::StripLeadingAsciiWhitespace(line.substr(1)));
    } else {
      inside = false;
    }
  }
  return value;
}

constexpr size_t kQuestionWidth = 40, kNeedsWidth = 24, kCostWidth = 18;

// A recipe's line, its texts wrapped over as many rows as the longest takes.
void AddWrapped(const std::string& name, const Json& recipe, TextTable& table) {
  const std::vector<std::vector<std::string>> cells = {
      {name},
      WrapWords(recipe["question"], kQuestionWidth),
      WrapWords(recipe["needs"], kNeedsWidth),
      WrapWords(recipe["cost"], kCostWidth)};
  size_t height = 0;
  for (const auto& cell : cells) height = std::max(height, cell.size());
  for (size_t row = 0; row < height; ++row) {
    std::vector<std::string> line;
    for (const auto& cell : cells) line.push_back(row < cell.size() ? cell[row] : "");
    table.rows.push_back(std::move(line));
  }
}

absl::Status List(const NoOptions&, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const std::string folder, RecipesFolder());
  TextTable table{{"recipe", "the question it answers", "needs", "cost"}, {}};
  Json json = Json::array();
  for (const std::string& name : ShippedNames("recipes")) {
    const std::string file = JoinPath(folder, name + ".yaml");
    REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
    const std::string head = HeadComment(text);
    json.push_back({{"name", name},
                    {"question", HeadValue(head, "Question")},
                    {"needs", HeadValue(head, "Needs")},
                    {"cost", HeadValue(head, "Cost")},
                    {"file", file}});
    AddWrapped(name, json.back(), table);
  }
  AddWrapped(
      kOwn,
      {{"question", "what does grouping do to your own checkpoint on your own rows?"},
       {"needs", "a T5 folder and JSON lines: recipes copy uptrain-mine --model DIR --data FILE"},
       {"cost", "plan says it"}},
      table);
  std::cout << (common.json ? DumpJson(json) + "\n" : FormatTable(table));
  SayNext(common,
          absl::StrCat(OwnCommand({"recipes", "copy", kOwn, "--model", "DIR", "--data", "FILE"}),
                       ", or ", OwnCommand({"plan", JoinPath(folder, "quickstart.yaml")})));
  return absl::OkStatus();
}

// Path of the shipped recipe `name`. UserError at `place` where there is none.
absl::StatusOr<std::string> ShippedRecipe(const std::string& name, const std::string& place) {
  REGROUP_ASSIGN_OR_RETURN(const std::string folder, RecipesFolder());
  std::vector<std::string> names = ShippedNames("recipes");
  if (std::find(names.begin(), names.end(), name) != names.end())
    return JoinPath(folder, name + ".yaml");
  names.push_back(kOwn);
  if (name == kOwn)
    return UserError(place,
                     "this one is made for a checkpoint: regroup recipes copy uptrain-mine --model "
                     "DIR --data FILE");
  return UserError(place, absl::StrCat("there is no recipe \"", name, "\"", DidYouMean(name, names),
                                       "; there are ", absl::StrJoin(names, ", ")));
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
  SayNext(common, OwnCommand({"recipes", "copy", options.name}));
  return absl::OkStatus();
}

absl::Status CopyShipped(const CopyOptions& options, const CommonOptions& common) {
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
  SayNext(common, "edit it, then " + OwnCommand({"plan", to}));
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
  SayNext(common, absl::StrCat(OwnCommand({"plan", made.recipe}), ", then ",
                               OwnCommand({"run", made.recipe})));
  return absl::OkStatus();
}

absl::Status Copy(const CopyOptions& options, const CommonOptions& common) {
  return options.name == kOwn ? CopyOwn(options, common) : CopyShipped(options, common);
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
