// regroup score: teacher-forced negative log-likelihood of rows.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "evaluate/commands.h"

namespace regroup {
namespace {

struct Options {
  ScoreRequest request;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "model folder").Required().Path(), c.request.model);
    v(Field("data", "JSON-lines rows, each with a target").Required().Path(), c.request.data);
    v(Field("per_row", "one JSON line per row, in order"), c.request.per_row);
    v(Field("batch_tokens", "padded tokens of a batch").AtLeast(1), c.request.batch_tokens);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  ScoreRequest request = options.request;
  if (!common.precision.empty()) request.precision = common.precision;
  request.json = common.json;
  REGROUP_RETURN_IF_ERROR(ScoreFile(request, std::cout));
  SayNext(common, OwnCommand({"generate", "--model", request.model, "--data", request.data,
                              "--output", "OUT.jsonl"}) +
                      " decodes the same rows");
  return absl::OkStatus();
}

}  // namespace

Command ScoreCommand() {
  return MakeCommand<Options>("score", "teacher-forced loss of rows",
                              {"regroup score --model t5-base --data rows.jsonl --json",
                               "regroup score --model t5-base --data rows.jsonl --per-row"},
                              {}, Run);
}

}  // namespace regroup
