// A row's fields made ready for the templates: booleans, replaced texts, lists as lines.
// task_rows.cc uses it.
#pragma once

#include <map>
#include <string>

#include "core/json.h"
#include "core/status.h"
#include "data/data_config.h"
#include "data/template.h"

namespace regroup {

class TaskFields {
 public:
  // UserError where booleans are not two or a template of `lines` is malformed; `place` names the
  // task.
  static absl::StatusOr<TaskFields> Create(const TaskFieldsConfig& config,
                                           const std::string& place);

  // `row` (a JSON object) with true and false as their texts, then with every text of `replace`
  // replaced in texts and lists of texts (in the order of the keys' bytes), then with the fields of
  // `lines`: their template once for each entry of the lists that it names, without white space at
  // the ends, joined by newlines. UserError at `row_place` where those lists differ in length, a
  // field is missing or one of these names is taken.
  absl::StatusOr<Json> Prepare(Json row, const std::string& row_place) const;

 private:
  std::string Text(std::string text) const;
  Json Value(const Json& value) const;

  TaskFieldsConfig config_;
  std::map<std::string, Template> lines_;
};

}  // namespace regroup
