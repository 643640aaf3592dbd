// regroup inspect: what is in a checkpoint, a run folder, a data file, a tokenizer, a recipe.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "cli/shipped.h"
#include "pipeline/inspect_path.h"

namespace regroup {
namespace {

struct Options {
  InspectOptions inspect;
  std::string task, lengths;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("path",
            "a model, checkpoint, run or stage folder, a tokenizer, a recipe or task, a file of "
            "weights or of data")
          .Required()
          .Path(),
      c.inspect.path);
    v(Field("model", "data: folder whose tokenizer counts; without it lengths are in characters")
          .Path(),
      c.inspect.data.model);
    v(Field("task", "data: the task, a file or the name of a shipped one, whose rows these are"),
      c.task);
    v(Field("lengths", "data: SOURCE,TARGET, limits in tokens; default: the task's, else 512,128"),
      c.lengths);
    v(Field("text", "tokenizer: a text to encode"), c.inspect.text);
    v(Field("tensors", "checkpoint: a line for every tensor"), c.inspect.tensors);
  }
};

absl::StatusOr<TaskLengths> ParseLengths(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ',');
  TaskLengths lengths;
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &lengths.source) &&
      absl::SimpleAtoi(parts[1], &lengths.target) && lengths.source >= 8 && lengths.target >= 2 &&
      lengths.source <= 65536 && lengths.target <= 65536)
    return lengths;
  return UserError("--lengths", absl::StrCat("found \"", text,
                                             "\", expected SOURCE,TARGET in tokens (8 to 65536 and "
                                             "2 to 65536), such as 512,114"));
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  InspectOptions how = options.inspect;
  if (!options.task.empty()) {
    REGROUP_ASSIGN_OR_RETURN(how.data.task, TaskPath(options.task));
  }
  if (!options.lengths.empty()) {
    REGROUP_ASSIGN_OR_RETURN(how.data.lengths, ParseLengths(options.lengths));
  }
  REGROUP_ASSIGN_OR_RETURN(const Json found, InspectPath(how));
  std::cout << (common.json ? DumpJson(found) + "\n" : InspectionWords(found, how));
  SayNext(common, NextAfterInspect(found));
  return absl::OkStatus();
}

}  // namespace

Command InspectCommand() {
  return MakeCommand<Options>(
      "inspect", "says what is in a checkpoint, a run folder, a data file, a tokenizer or a recipe",
      {"regroup inspect t5-v1_1-base", "regroup inspect runs/quickstart",
       "regroup inspect rows.jsonl --model t5-v1_1-base --task titles",
       "regroup inspect c4-train.00000.json.gz --model t5-v1_1-base --lengths 512,114",
       "regroup inspect t5-v1_1-base/spiece.model --text \"Hello World\"",
       "regroup inspect recipes/quickstart.yaml"},
      {"path"}, Run);
}

}  // namespace regroup
