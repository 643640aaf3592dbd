// regroup generate: decodes rows.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "core/log.h"
#include "evaluate/commands.h"

namespace regroup {
namespace {

struct Options {
  GenerateRequest request;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "model folder").Required().Path(), c.request.model);
    v(Field("data", "JSON-lines rows").Required().Path(), c.request.data);
    v(Field("output", "file instead of standard output; the same command goes on after a kill")
          .Path(),
      c.request.output);
    DecodeConfig::Visit(c.request.decode, v);
    v(Field("n_best", "hypotheses of each row, at most one a beam; more than 1 adds the key n_best")
          .AtLeast(1)
          .AtMost(static_cast<double>(kMostBeams)),
      c.request.decode.n_best);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  GenerateRequest request = options.request;
  if (request.decode.early_stopping.has_value() && request.decode.beams.value_or(1) == 1) {
    LogWarning("--early-stopping has no effect on a search with 1 beam");
  }
  if (!common.precision.empty()) request.precision = common.precision;
  const absl::Status status = GenerateFile(request, std::cout);
  if (!status.ok()) return request.output.empty() ? status : GoesOn(status);
  const std::string output = request.output.empty() ? "OUT.jsonl" : request.output;
  SayNext(common,
          OwnCommand({"metrics", "--metric", "rouge", "--predictions", output, "--references",
                      request.data}) +
              (request.output.empty() ? " scores the output, kept in OUT.jsonl" : " scores them"));
  return absl::OkStatus();
}

}  // namespace

Command GenerateCommand() {
  return MakeCommand<Options>(
      "generate", "decodes rows",
      {"regroup generate --model t5-base --data rows.jsonl > out.jsonl",
       "regroup generate --model t5-base --data rows.jsonl --max-length 64 --output out.jsonl",
       "regroup generate --model t5-base --data rows.jsonl --beams 4 --length-penalty 0.6 --n-best "
       "2"},
      {}, Run);
}

}  // namespace regroup
