// regroup evaluate: decodes a task's rows and scores them.
#include <ATen/ATen.h>

#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "cli/shipped.h"
#include "core/files.h"
#include "evaluate/commands.h"
#include "pipeline/context.h"
#include "recipe/task_file.h"

namespace regroup {
namespace {

struct Options {
  std::string task;
  EvaluateRequest request;
  std::optional<int64_t> bootstrap, beams, max_length;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "model folder").Required().Path(), c.request.model);
    v(Field("task", "a task file, or the name of a shipped one").Required(), c.task);
    v(Field("data", "the task's rows").Required().Path(), c.request.data);
    v(Field("split", "name of the split in the result"), c.request.split);
    v(Field("predictions", "file for the predictions; default: named after model and task").Path(),
      c.request.predictions);
    v(Field("beams", "beams; default: the task's")
          .AtLeast(1)
          .AtMost(static_cast<double>(kMostBeams)),
      c.beams);
    v(Field("max_length", "most generated tokens; default: the task's")
          .AtLeast(1)
          .AtMost(static_cast<double>(kLongestOutput)),
      c.max_length);
    v(Field("bootstrap", "resamples for the intervals; default: the task's")
          .AtLeast(1)
          .AtMost(1000000),
      c.bootstrap);
  }
};

// The predictions replace a file of their name: none that is read here.
absl::Status CheckPredictions(const Options& options, const std::string& task) {
  const std::string& path = options.request.predictions;
  if (!FileExists(path)) return absl::OkStatus();
  std::error_code error;
  if (std::filesystem::equivalent(path, task, error))
    return UserError(path, "is the --task file itself; name another --predictions");
  for (const char* name : {"config.json", "generation_config.json", "tokenizer_config.json",
                           "spiece.model", "model.safetensors", "pytorch_model.bin"}) {
    if (std::filesystem::equivalent(path, JoinPath(options.request.model, name), error))
      return UserError(path, "is a file of the model; name another --predictions");
  }
  return absl::OkStatus();
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  REGROUP_ASSIGN_OR_RETURN(const std::string path, TaskPath(options.task));
  REGROUP_RETURN_IF_ERROR(CheckPredictions(options, path));
  Problems problems;
  const TaskFile file = ReadTaskFile(path, problems);
  REGROUP_RETURN_IF_ERROR(problems.ToStatus());
  EvaluateRequest request = options.request;
  request.task = ToTaskConfig(file);
  if (options.bootstrap.has_value())
    request.task.metric_options.bootstrap = static_cast<int>(*options.bootstrap);
  if (options.beams.has_value()) request.task.decode.beams = *options.beams;
  if (options.max_length.has_value()) request.task.decode.max_length = *options.max_length;
  if (!common.precision.empty()) request.precision = common.precision;
  if (common.seed.has_value()) request.seed = static_cast<uint64_t>(*common.seed);
  request.json = common.json;
  REGROUP_RETURN_IF_ERROR(EvaluateFile(request, std::cout));
  const std::string predictions = PredictionsPath(request);
  SayNext(common,
          OwnCommand({"metrics", "--metric", file.metrics.front(), "--predictions", predictions,
                      "--references", predictions, "--baseline", "OTHER.predictions.jsonl"}) +
              " compares it with another model's");
  return absl::OkStatus();
}

}  // namespace

Command EvaluateCommand() {
  return MakeCommand<Options>(
      "evaluate", "decodes a task's rows and scores them",
      {"regroup evaluate --model runs/quickstart/parent_titles/step-00000150 --task titles --data "
       "test.jsonl",
       "regroup evaluate --model my-t5 --task my_task.yaml --data test.jsonl --json"},
      {}, Run);
}

}  // namespace regroup
