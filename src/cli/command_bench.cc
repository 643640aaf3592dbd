// regroup bench decode: speed and K/V bytes of several checkpoints side by side.
#include <ATen/ATen.h>

#include <iostream>

#include "cli/commands.h"
#include "cli/next_step.h"
#include "decode/bench.h"

namespace regroup {
namespace {

struct Options {
  std::vector<std::string> model;
  DecodeBenchOptions bench;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "model folders").Required().Path(), c.model);
    v(Field("batch", "rows decoded at once").AtLeast(1), c.bench.batch);
    v(Field("source", "source tokens per row").AtLeast(1), c.bench.source);
    v(Field("target", "generated tokens per row; the end token is off").AtLeast(1), c.bench.target);
    v(Field("repeats", "timed rounds over all models").AtLeast(1), c.bench.repeats);
  }
};

absl::Status Run(const Options& options, const CommonOptions& common) {
  DecodeBenchOptions how = options.bench;
  if (!common.precision.empty()) how.precision = common.precision;
  if (common.seed.has_value()) how.seed = static_cast<uint64_t>(*common.seed);
  REGROUP_ASSIGN_OR_RETURN(const Json bench, BenchDecode(options.model, how));
  std::cout << (common.json ? DumpJson(bench) + "\n" : DecodeBenchTable(bench));
  SayNext(common, OwnCommand({"score", "--model", options.model.back(), "--data", "ROWS.jsonl"}) +
                      " says what the speed costs in quality");
  return absl::OkStatus();
}

}  // namespace

Command BenchDecodeCommand() {
  return MakeCommand<Options>(
      "bench decode", "decoding speed and K/V bytes of several checkpoints side by side",
      {"regroup bench decode --model t5-base t5-base-gqa4 --batch 64 --source 512 --target 32",
       "regroup bench decode --model t5-base --precision bf16 --json"},
      {}, Run);
}

}  // namespace regroup
