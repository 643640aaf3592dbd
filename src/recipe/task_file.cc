// Reading of task files and the checks that need no data.
#include "recipe/task_file.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "recipe/reader.h"

namespace regroup {

std::vector<std::string> MetricKeys(const TaskFile& task) {
  static const std::map<std::string, std::vector<std::string>> keys = {
      {"bleu", {"bleu"}},
      {"chrf", {"chrf"}},
      {"rouge", {"rouge1", "rouge2", "rougeL", "rougeLsum"}},
      {"squad", {"f1", "exact_match"}},
      {"trivia_qa", {"f1", "exact_match"}},
      {"accuracy", {"accuracy"}},
      {"exact_match", {"exact_match"}}};
  std::vector<std::string> result;
  for (const std::string& metric : task.metrics) {
    const auto found = keys.find(metric);
    if (found != keys.end())
      result.insert(result.end(), found->second.begin(), found->second.end());
  }
  return result;
}

TaskFile ReadTaskFile(const std::string& path, Problems& problems) {
  TaskFile task;
  Problems own;
  Node node = ReadYamlFile(path, own);
  if (own.empty() && !node.IsMap())
    own.Add(node.mark, "", absl::StrCat("found ", Describe(node), ", expected a task"));
  if (own.empty()) ReadConfig(node, "", task, own);
  for (const auto* text : {&task.input, &task.target}) {
    if (own.empty() && text->find('{') == std::string::npos) {
      own.Add(Problem{
          path,
          absl::StrCat("\"", *text, "\" names no field; expected a template such as \"{text}\"")});
    }
  }
  if (own.empty() && task.metrics.empty())
    own.Add(Problem{path, "metrics is empty; name at least one"});
  for (const Problem& problem : own.list()) problems.Add(problem);
  return task;
}

}  // namespace regroup
