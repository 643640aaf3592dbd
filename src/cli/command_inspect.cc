// regroup inspect: what is in a checkpoint, a run folder, a tokenizer or a data file.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "checkpoint/inspect_checkpoint.h"
#include "cli/commands.h"
#include "pipeline/inspect_path.h"

namespace regroup {
namespace {

struct Options {
  std::string path;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("path",
            "a model or checkpoint folder, a run or stage folder, a tokenizer, a file of weights "
            "or of "
            "data")
          .Required(),
      c.path);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  const bool checkpoint = IsCheckpointFolder(options.path);
  REGROUP_ASSIGN_OR_RETURN(
      const Json found, checkpoint ? InspectCheckpoint(options.path) : InspectOther(options.path));
  if (common.json) {
    std::cout << DumpJson(found) << "\n";
  } else {
    std::cout << (checkpoint ? InspectionText(found) : OtherInspectionText(found));
  }
  return absl::OkStatus();
}

}  // namespace

Command InspectCommand() {
  return MakeCommand<Options>(
      "inspect", "says what is in a checkpoint, a run folder, a tokenizer or a data file",
      {"regroup inspect t5-base", "regroup inspect runs/quickstart",
       "regroup inspect data.jsonl.gz --json"},
      {"path"}, Run);
}

}  // namespace regroup
