// What is wrong with a recipe, all of it at once: each problem has a place that a person can open.
// Every file of this room adds to a Problems; `plan` prints the list, `run` turns it into one
// error.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// Where a value was written. `file` may be "--set key.path" (then line is 0).
struct Mark {
  std::string file;
  int line = 0;
  std::string Text() const;    // "recipes/a.yaml:12"
  std::string Folder() const;  // what relative paths there are relative to
};

struct Problem {
  std::string place;    // "recipes/a.yaml:12: stages.parent.pretrain.steps"
  std::string message;  // found, expected, what to do
};

class Problems {
 public:
  void Add(const Mark& mark, const std::string& key_path, const std::string& message);
  void Add(Problem problem);
  // A status that another room returned, at the place that it names itself.
  void Add(const std::string& place, const absl::Status& status);
  // By file and line, as a person goes through them.
  void Sort();
  bool empty() const { return list_.empty(); }
  const std::vector<Problem>& list() const { return list_; }
  // Ok, or one UserError with a line per problem.
  absl::Status ToStatus() const;
  Json ToJson() const;  // [{"place", "message"}]

 private:
  std::vector<Problem> list_;
};

}  // namespace regroup
