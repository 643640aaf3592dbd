// Reading of task files and the checks that need no data.
#include "recipe/task_file.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "metrics/metric_config.h"
#include "recipe/reader.h"

namespace regroup {

std::vector<std::string> MetricKeys(const TaskFile& task) {
  std::vector<std::string> result;
  for (const std::string& metric : task.metrics) {
    const std::vector<std::string> keys = MetricKeys(metric);
    result.insert(result.end(), keys.begin(), keys.end());
  }
  return result;
}

namespace {

// Options that no metric of the task has are problems.
void CheckMetricOptions(const Node& node, const TaskFile& task, Problems& problems) {
  const Node* options = node.Find("metric_options");
  for (size_t i = 0; options != nullptr && i < options->keys.size(); ++i) {
    const std::vector<std::string> metrics = MetricsWithOption(options->keys[i]);
    const bool acts =
        metrics.empty() || std::ranges::any_of(metrics, [&](const std::string& metric) {
          return std::ranges::find(task.metrics, metric) != task.metrics.end();
        });
    if (acts) continue;
    problems.Add(options->key_marks[i], JoinKey("metric_options", options->keys[i]),
                 absl::StrCat("has no effect: it is an option of ", absl::StrJoin(metrics, ", "),
                              "; metrics has ", absl::StrJoin(task.metrics, ", ")));
  }
}

void CheckFields(const Node& node, const TaskFile& task, Problems& problems) {
  const size_t booleans = task.fields.booleans.size();
  if (booleans != 0 && booleans != 2) {
    const Node* found = node.Find("fields")->Find("booleans");
    problems.Add(found->mark, "fields.booleans",
                 absl::StrCat("has ", booleans, " entries, expected the texts of false and true"));
  }
  if (!task.window.empty() && !task.input.ends_with("{" + task.window + "}")) {
    problems.Add(node.Find("window")->mark, "window",
                 absl::StrCat("names ", task.window,
                              ", expected the field with which input ends: ", task.input));
  }
}

}  // namespace

TaskFile ReadTaskFile(const std::string& path, Problems& problems) {
  TaskFile task;
  Problems own;
  Node node = ReadYamlFile(path, own);
  if (node.mark.file.empty()) node.mark = {path, 1};
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
  if (own.empty()) CheckMetricOptions(node, task, own);
  if (own.empty()) CheckFields(node, task, own);
  for (const Problem& problem : own.list()) problems.Add(problem);
  return task;
}

}  // namespace regroup
