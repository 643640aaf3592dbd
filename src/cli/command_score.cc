// regroup score: teacher-forced negative log-likelihood of rows.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "evaluate/commands.h"

namespace regroup {
namespace {

struct Options {
  ScoreRequest request;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "model folder").Required(), c.request.model);
    v(Field("data", "JSON-lines rows, each with a target").Required(), c.request.data);
    v(Field("per_row", "one JSON line per row, in order"), c.request.per_row);
    v(Field("batch_tokens", "padded tokens of a batch").AtLeast(1), c.request.batch_tokens);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  ScoreRequest request = options.request;
  if (!common.precision.empty()) request.precision = common.precision;
  request.json = common.json;
  return ScoreFile(request, std::cout);
}

}  // namespace

Command ScoreCommand() {
  return MakeCommand<Options>("score", "teacher-forced loss of rows",
                              {"regroup score --model t5-base --data rows.jsonl --json",
                               "regroup score --model t5-base --data rows.jsonl --per-row"},
                              {}, Run);
}

}  // namespace regroup
