// Decoding speed of several models side by side as a stage: bench.json in the stage's folder.
#include <ATen/ATen.h>

#include "core/files.h"
#include "decode/bench.h"
#include "pipeline/stage_functions.h"

namespace regroup {

absl::StatusOr<Json> RunBench(const StageContext& context) {
  const auto& stage = context.stage->As<BenchStage>();
  std::vector<std::string> folders;
  for (const std::string& from : stage.from) {
    REGROUP_ASSIGN_OR_RETURN(std::string folder, context.ModelFolder(from));
    folders.push_back(std::move(folder));
  }
  DecodeBenchOptions options;
  options.batch = stage.batch;
  options.source = stage.source;
  options.target = stage.target;
  options.repeats = stage.repeats;
  options.precision = stage.precision.value_or("fp32");
  options.seed = context.recipe->head.seed;
  REGROUP_ASSIGN_OR_RETURN(Json bench, BenchDecode(folders, options));
  REGROUP_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(context.folder(), "bench.json"), DumpJsonPretty(bench)));
  return bench;
}

}  // namespace regroup
