// Recipes and tasks through the readers that run them.
#include "pipeline/inspect_recipe.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/log.h"
#include "data/template.h"
#include "formats/lines.h"
#include "pipeline/plan.h"
#include "recipe/reader.h"
#include "recipe/recipe.h"
#include "report/table.h"

namespace regroup {
namespace {

// What a recipe reads, present or not. A glob is present if a file matches.
class NeededFiles {
 public:
  void Add(const std::string& what, const std::string& pattern) {
    if (pattern.empty()) return;
    for (const std::string& path : PathList(pattern)) {
      const bool present = FileExists(path) || FolderExists(path) || ExpandGlobs({path}).ok();
      const Json entry = {{"what", what}, {"path", path}, {"present", present}};
      if (std::find(list_.begin(), list_.end(), entry) == list_.end()) list_.push_back(entry);
    }
  }
  void Add(const std::string& what, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) Add(what, pattern);
  }
  Json Take() { return std::move(list_); }

 private:
  Json list_ = Json::array();
};

Json FilesOf(const Recipe& recipe) {
  NeededFiles files;
  const RecipeHead& head = recipe.head;
  if (head.tokenizer.train.has_value()) files.Add("vocabulary", head.tokenizer.train->files);
  files.Add("tokenizer", head.tokenizer.path);
  for (const auto& [name, corpus] : head.corpora) files.Add("corpus " + name, corpus.files);
  for (const auto& [name, task] : head.tasks) {
    for (const std::string& path : {task.train, task.dev, task.test})
      files.Add("task " + name, path);
  }
  for (const Stage& stage : recipe.stages) {
    for (const std::string& from : References(stage.config)) {
      if (IsFolderReference(from)) files.Add("model", from);
    }
  }
  return files.Take();
}

Json InspectRecipe(const std::string& path) {
  Json json = {{"path", path}, {"kind", "recipe"}};
  const LoadedRecipe loaded = LoadRecipe(path, {});
  json["name"] = loaded.recipe.head.name;
  json["stages"] = Json::array();
  for (const Stage& stage : loaded.recipe.stages)
    json["stages"].push_back({{"name", stage.name}, {"kind", stage.kind}, {"needs", stage.needs}});
  json["files"] = loaded.problems.empty() ? FilesOf(loaded.recipe) : Json::array();
  RecipePlan plan;
  if (loaded.problems.empty()) plan = PlanRecipe(loaded.recipe);
  double seconds = 0;
  int64_t memory = 0, disk = 0;
  for (const StagePlan& stage : plan.stages) {
    seconds += stage.seconds;
    disk += stage.disk_bytes;
    memory = std::max(memory, stage.peak_memory_bytes);
  }
  json["seconds"] = seconds;
  json["memory_bytes"] = memory;
  json["disk_bytes"] = disk;
  json["problems"] = (loaded.problems.empty() ? plan.problems : loaded.problems).ToJson();
  return json;
}

absl::StatusOr<Json> InspectTask(const std::string& path) {
  Problems problems;
  const TaskFile task = ReadTaskFile(path, problems);
  REGROUP_RETURN_IF_ERROR(problems.ToStatus());
  const std::string place = absl::StrCat("task ", task.name);
  REGROUP_ASSIGN_OR_RETURN(const Template input, Template::Parse(task.input, place + ": input"));
  REGROUP_ASSIGN_OR_RETURN(const Template target, Template::Parse(task.target, place + ": target"));
  std::vector<std::string> fields = input.Fields();
  for (const std::string& field : target.Fields()) {
    if (std::find(fields.begin(), fields.end(), field) == fields.end()) fields.push_back(field);
  }
  return Json{{"path", path},
              {"kind", "task"},
              {"name", task.name},
              {"input", task.input},
              {"target", task.target},
              {"fields", fields},
              {"reader", task.reader},
              {"lengths", {{"source", task.lengths.source}, {"target", task.lengths.target}}},
              {"metrics", task.metrics},
              {"beams", task.decode.beams.value_or(1)}};
}

// A line per stage, under the first stage that it needs.
void AppendStages(const Json& stages, const std::string& parent, int depth, std::string& text) {
  for (const Json& stage : stages) {
    const auto needs = stage["needs"].get<std::vector<std::string>>();
    if ((needs.size() == 1 ? needs.front() : "") != parent) continue;
    const std::string name = stage["name"].get<std::string>();
    std::string line =
        std::string(static_cast<size_t>(2 + 2 * depth), ' ') + (depth > 0 ? "└ " : "");
    absl::StrAppend(&line, name, "  (", stage["kind"].get<std::string>(), ")");
    if (needs.size() > 1)
      absl::StrAppend(
          &line, "  from ",
          needs.size() > 4 ? absl::StrCat(needs.size(), " stages") : absl::StrJoin(needs, ", "));
    absl::StrAppend(&text, line, "\n");
    AppendStages(stages, name, depth + 1, text);
  }
}

std::string RecipeText(const Json& found) {
  std::string text;
  AppendStages(found["stages"], "", 0, text);
  int64_t present = 0;
  for (const Json& file : found["files"]) {
    present += file["present"] == true ? 1 : 0;
    if (file["present"] == true) continue;
    absl::StrAppend(&text, "  MISSING  ", file["what"].get<std::string>(), ": ",
                    file["path"].get<std::string>(), "\n");
  }
  absl::StrAppend(&text, "  ", present, " of ", found["files"].size(),
                  " files and folders that it reads are there\n");
  for (const Json& problem : found["problems"])
    absl::StrAppend(&text, "  problem: ", problem["place"].get<std::string>(), ": ",
                    problem["message"].get<std::string>(), "\n");
  if (!found["problems"].empty()) return text;
  return absl::StrCat(text, "  about ", FormatDuration(found["seconds"].get<double>()), ", ",
                      FormatBytes(found["memory_bytes"].get<double>()), " of memory, ",
                      FormatBytes(found["disk_bytes"].get<double>()),
                      " of disk (estimates; `plan` says more)\n");
}

std::string TaskText(const Json& found) {
  const auto join = [&](const char* key) {
    return absl::StrJoin(found[key].get<std::vector<std::string>>(), ", ");
  };
  return absl::StrCat(
      "  name     ", found["name"].get<std::string>(), "\n  input    ",
      found["input"].get<std::string>(), "\n  target   ", found["target"].get<std::string>(),
      "\n  fields   ", join("fields"), " (reader ", found["reader"].get<std::string>(),
      ")\n  lengths  ", found["lengths"]["source"].get<int64_t>(), " source, ",
      found["lengths"]["target"].get<int64_t>(), " target tokens\n  metrics  ", join("metrics"),
      ", ", found["beams"].get<int64_t>(), " beam", found["beams"] == 1 ? "" : "s", "\n");
}

}  // namespace

absl::StatusOr<Json> InspectYaml(const std::string& path) {
  Problems problems;
  const Node node = ReadYamlFile(path, problems);
  REGROUP_RETURN_IF_ERROR(problems.ToStatus());
  if (node.Find("stages") != nullptr) return InspectRecipe(path);
  if (node.Find("input") != nullptr && node.Find("metrics") != nullptr) return InspectTask(path);
  if (node.IsMap()) return Json{{"path", path}, {"kind", "part"}, {"keys", node.keys}};
  return UserError(path, absl::StrCat("is ", Describe(node),
                                      ", expected a recipe (stages), a task (input, target, "
                                      "metrics) or a part that recipes include"));
}

std::string YamlText(const Json& found) {
  if (found["kind"] == "recipe") return RecipeText(found);
  if (found["kind"] == "task") return TaskText(found);
  return absl::StrCat("  a part that recipes include; it has ",
                      absl::StrJoin(found["keys"].get<std::vector<std::string>>(), ", "), "\n");
}

}  // namespace regroup
