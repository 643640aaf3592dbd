// regroup replay: a window that the guard refused, once more.
#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "pipeline/replay.h"

namespace regroup {
namespace {

struct Options {
  ReplayRequest request;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("run", "run folder").Required().Path(), c.request.run);
    v(Field("stage", "stage with a ledger (default: the only one)"), c.request.stage);
    v(Field("entry", "line of the ledger, from 1 (default: the last)").AtLeast(1), c.request.entry);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  ReplayRequest request = options.request;
  request.own_threads = common.threads > 0;
  REGROUP_ASSIGN_OR_RETURN(const Json replay, Replay(request));
  std::cout << (common.json ? DumpJson(replay) + "\n" : ReplayText(replay));
  SayNext(common, OwnCommand({"inspect", options.request.run}) + " shows the whole ledger");
  return absl::OkStatus();
}

}  // namespace

Command ReplayCommand() {
  return MakeCommand<Options>(
      "replay", "runs a step again that training refused or skipped",
      {"regroup replay runs/mine", "regroup replay runs/mine --stage gqa_up --entry 1"}, {"run"},
      Run);
}

}  // namespace regroup
