// Folder to folder conversion.
#include "pipeline/convert_folder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "evaluate/score.h"

namespace regroup {
namespace {

Json MeasuredJson(const ConvertOutcome& outcome) {
  Json json = Json::object();
  for (const OutputDamage& damage : outcome.damages)
    json["damage"].push_back(
        {{"attention", damage.prefix}, {"merged", damage.merged}, {"refined", damage.refined}});
  if (outcome.starting.has_value())
    json["starting_loss"] = {{"parent", outcome.starting->parent},
                             {"merged", outcome.starting->merged},
                             {"rows", outcome.starting->rows}};
  return json;
}

Json Provenance(const HfModel& source, const std::string& source_hash,
                const ConvertFolderOptions& options, const ConvertOutcome& outcome) {
  Json json = source.provenance.is_object() ? source.provenance : Json::object();
  Json entry = {{"source", options.from},
                {"source_hash", source_hash},
                {"config", ConfigToJson(options.convert)}};
  entry["config"]["seed"] = options.convert.seed;
  entry["parameters_before"] = outcome.report.parameters_before;
  entry["parameters_after"] = outcome.report.parameters_after;
  entry["checks"] = outcome.report.checks;
  if (!options.calibration.empty()) {
    entry["calibration"] = options.calibration;
    entry["refine"] = ConfigToJson(options.refine);
    entry.update(MeasuredJson(outcome));
  }
  json["conversions"].push_back(std::move(entry));
  if (options.provenance.is_object()) json.update(options.provenance);
  return json;
}

absl::Status CheckRefine(const ConvertFolderOptions& options) {
  if (!options.calibration.empty()) return absl::OkStatus();
  const bool refines = options.refine.refit || options.refine.local_distillation.steps > 0;
  if (!refines) return absl::OkStatus();
  return UserError(options.refine.refit ? "refit" : "local_distillation",
                   "needs rows of a calibration, and none is named; measure one with `regroup "
                   "calibrate` and name its folder (calibration)");
}

absl::StatusOr<double> LossOn(const std::vector<Example>& rows, const T5Config& config,
                              const StateDict& weights) {
  const at::NoGradGuard no_grad;
  const T5Model model(config, weights, at::kFloat);
  REGROUP_ASSIGN_OR_RETURN(const auto scores, ScoreExamples(model, rows, kScoreBatchTokens));
  REGROUP_RETURN_IF_ERROR(CheckFinite(scores, rows));
  return SumScores(scores).loss();
}

absl::Status Measure(const HfModel& source, const Calibration& calibration,
                     const ConvertFolderOptions& options, Conversion& merged,
                     ConvertOutcome& outcome) {
  RefineRequest request;
  request.parent = &source;
  request.calibration = &calibration;
  request.config = options.refine;
  request.folder = options.to + ".states" + kAsideMark;
  request.seed = options.convert.seed;
  request.device = options.device;
  REGROUP_ASSIGN_OR_RETURN(outcome.damages, Refine(request, merged));
  StartingLoss loss;
  loss.rows = static_cast<int64_t>(calibration.rows.size());
  REGROUP_ASSIGN_OR_RETURN(loss.parent, LossOn(calibration.rows, source.config, source.weights));
  REGROUP_ASSIGN_OR_RETURN(loss.merged, LossOn(calibration.rows, merged.config, merged.weights));
  outcome.starting = loss;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ConvertOutcome> ConvertFolder(const ConvertFolderOptions& options) {
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(options.to, options.from, options.overwrite));
  REGROUP_RETURN_IF_ERROR(CheckRefine(options));
  std::optional<Calibration> calibration;
  if (!options.calibration.empty()) {
    REGROUP_ASSIGN_OR_RETURN(calibration, LoadCalibration(options.calibration));
  }
  REGROUP_ASSIGN_OR_RETURN(const HfModel source, LoadHfFolder(options.from));
  const std::string source_hash = HashWeights(source.weights);
  if (calibration.has_value())
    REGROUP_RETURN_IF_ERROR(CheckCalibratedOn(*calibration, source_hash, options.from));
  const Statistics* statistics = calibration.has_value() ? &calibration->statistics : nullptr;
  REGROUP_ASSIGN_OR_RETURN(Conversion result,
                           Regroup(source.config, source.weights, options.convert, statistics));
  ConvertOutcome outcome;
  if (calibration.has_value())
    REGROUP_RETURN_IF_ERROR(Measure(source, *calibration, options, result, outcome));
  outcome.report = result.report;
  std::shared_ptr<const Tokenizer> tokenizer;
  if (HasTokenizer(options.from)) {
    REGROUP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(options.from));
  }
  HfSave save;
  save.config = &result.config;
  save.weights = &result.weights;
  save.tokenizer = tokenizer.get();
  save.generation_config = source.generation_config;
  save.provenance = Provenance(source, source_hash, options, outcome);
  save.source_folder = options.from;
  REGROUP_RETURN_IF_ERROR(SaveHfFolder(options.to, save, options.overwrite));
  return outcome;
}

std::string OutcomeText(const ConvertOutcome& outcome) {
  std::string text = ConversionText(outcome.report);
  if (outcome.damages.empty()) return text;
  bool refined = false;
  for (const OutputDamage& damage : outcome.damages) refined |= damage.refined != damage.merged;
  absl::StrAppend(&text, "\n",
                  absl::StrFormat("%-46s %10s%s\n", "error of the attention's output", "merged",
                                  refined ? "    refined" : ""));
  for (const OutputDamage& damage : outcome.damages) {
    absl::StrAppend(&text, absl::StrFormat("%-46s %8.2f %%", damage.prefix, 100 * damage.merged));
    if (refined) absl::StrAppend(&text, absl::StrFormat(" %8.2f %%", 100 * damage.refined));
    absl::StrAppend(&text, "\n");
  }
  absl::StrAppend(
      &text, absl::StrFormat("starting loss on %d calibration rows: %.4f nats per target token, "
                             "%.4f above the parent's %.4f\n",
                             outcome.starting->rows, outcome.starting->merged,
                             outcome.starting->merged - outcome.starting->parent,
                             outcome.starting->parent));
  return text;
}

Json OutcomeJson(const ConvertOutcome& outcome) {
  Json json = ConversionJson(outcome.report);
  json.update(MeasuredJson(outcome));
  return json;
}

}  // namespace regroup
