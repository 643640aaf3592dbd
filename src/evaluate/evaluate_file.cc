// The command `evaluate`. See commands.h.
#include <ATen/ATen.h>

#include <filesystem>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "evaluate/commands.h"

namespace regroup {
namespace {

void PrintTable(const TaskEvaluation& result, const std::string& predictions, std::ostream& out) {
  out << absl::StrFormat("%s, %s, %d rows\n", result.task, result.split, result.rows);
  for (const auto& [name, value] : result.metrics) {
    out << absl::StrFormat("  %-12s %7.2f", name, value);
    if (const auto found = result.interval.find(name); found != result.interval.end()) {
      out << absl::StrFormat("  [%.2f, %.2f]", found->second.first, found->second.second);
    }
    if (const auto found = result.shuffled.find(name); found != result.shuffled.end()) {
      out << absl::StrFormat("  shuffled references %.2f", found->second);
    }
    out << "\n";
  }
  out << absl::StrFormat(
      "  loss %.4f per token; %.2f ms per sample (encoder %.2f s, decoder %.2f s)\n", result.loss,
      result.ms_per_sample, result.times.encoder_seconds, result.times.decode_seconds());
  out << absl::StrFormat(
      "  %d inputs cut, %d outputs at the length limit, %d empty; predictions: %s\n",
      result.truncated_inputs, result.at_length_limit, result.empty_outputs, predictions);
}

// "step-00000150" says little beside another run's: the folder above stands before it.
std::string DefaultPredictions(const EvaluateRequest& request) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(request.model, error);
  const std::string name =
      absl::StrCat(folder.filename().string(), ".", request.task.text.name, ".predictions.jsonl");
  const std::string above = folder.parent_path().filename().string();
  return above.empty() ? name : absl::StrCat(above, ".", name);
}

// Before long work begins.
absl::Status CheckPredictionsPlace(const std::string& path, const std::string& data) {
  std::error_code error;
  if (std::filesystem::equivalent(path, data, error))
    return UserError(path, "is the --data file itself; name another --predictions");
  if (FolderExists(path)) return UserError(path, "is a folder; --predictions names a file");
  if (FolderExists(ParentFolder(path))) return absl::OkStatus();
  return UserError(path, absl::StrCat("there is no folder ", ParentFolder(path),
                                      "; make it or name another --predictions"));
}

}  // namespace

std::string PredictionsPath(const EvaluateRequest& request) {
  return request.predictions.empty() ? DefaultPredictions(request) : request.predictions;
}

absl::Status EvaluateFile(const EvaluateRequest& request, std::ostream& out) {
  REGROUP_ASSIGN_OR_RETURN(const at::ScalarType compute, ComputeType(request.precision));
  const std::string predictions = PredictionsPath(request);
  REGROUP_RETURN_IF_ERROR(CheckPredictionsPlace(predictions, request.data));
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadHfFolder(request.model));
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(request.model));
  REGROUP_ASSIGN_OR_RETURN(const std::vector<Row> rows,
                           ReadTaskRows(request.task.text, request.data, *tokenizer));
  REGROUP_ASSIGN_OR_RETURN(
      const TaskEvaluation result,
      EvaluateModel(model, request.task, rows, *tokenizer, {request.split, compute, request.seed}));
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(predictions, PredictionLines(result, rows)));
  if (request.json) {
    out << DumpJson(EvaluationToJson(result, predictions)) << "\n";
  } else {
    PrintTable(result, predictions, out);
  }
  return absl::OkStatus();
}

}  // namespace regroup
