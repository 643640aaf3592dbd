// Folder to folder conversion.
#include "pipeline/convert_folder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "evaluate/score.h"

namespace regroup {
namespace {

Json ChoiceJson(const HeadChoice& choice, double loss, const std::vector<std::string>& sites) {
  return {{"kv_heads", KvHeadsJson(choice.heads, sites)},
          {"share", choice.share},
          {"error", choice.error},
          {"loss", loss}};
}

// The sites among which the budget was shared out.
std::vector<std::string> SitesOf(const BudgetChoice& choice) {
  std::vector<std::string> sites;
  for (const AttentionOptions& attention : choice.attentions) {
    if (sites.empty() || sites.back() != attention.place.site)
      sites.push_back(attention.place.site);
  }
  return sites;
}

Json BudgetJson(const BudgetOutcome& outcome) {
  const BudgetChoice& choice = outcome.choice;
  const std::vector<std::string> sites = SitesOf(choice);
  Json errors = Json::array();
  for (const AttentionOptions& attention : choice.attentions) {
    Json& one = errors.emplace_back(Json{{"attention", attention.place.prefix}});
    for (const HeadOption& option : attention.options)
      one["by_kv_heads"][absl::StrCat(option.kv_heads)] = option.error;
  }
  return {{"share", choice.budget},
          {"source_tokens", choice.source_tokens},
          {"target_tokens", choice.target_tokens},
          {"chosen", ChoiceJson(choice.chosen, outcome.chosen_loss, sites)},
          {"uniform", ChoiceJson(choice.uniform, outcome.uniform_loss, sites)},
          {"errors", std::move(errors)}};
}

Json MeasuredJson(const ConvertOutcome& outcome) {
  Json json = Json::object();
  if (outcome.budget.has_value()) json["budget"] = BudgetJson(*outcome.budget);
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
                const ConvertFolderOptions& options, const ConvertConfig& how,
                const ConvertOutcome& outcome) {
  Json json = source.provenance.is_object() ? source.provenance : Json::object();
  Json entry = {
      {"source", options.from}, {"source_hash", source_hash}, {"config", ConfigToJson(how)}};
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

absl::Status CheckOptions(const ConvertFolderOptions& options) {
  if (options.convert.kv_budget.has_value() != options.convert.kv_heads.is_null())
    return UserError("kv_heads", "give either kv_heads or kv_budget");
  if (!options.calibration.empty()) return absl::OkStatus();
  if (options.convert.kv_budget.has_value())
    return UserError("kv_budget",
                     "chooses heads by what merging costs on the rows of a calibration, and none "
                     "is named; measure one with `regroup calibrate` and name its folder "
                     "(calibration)");
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

// Chooses heads within the budget; `how` then asks for them.
absl::StatusOr<BudgetOutcome> Choose(const HfModel& source, const Calibration& calibration,
                                     const ConvertFolderOptions& options, ConvertConfig& how) {
  BudgetRequest request;
  request.parent = &source;
  request.calibration = &calibration;
  request.convert = how;
  request.folder = options.to + ".states" + kAsideMark;
  request.device = options.device;
  BudgetOutcome outcome;
  REGROUP_ASSIGN_OR_RETURN(outcome.choice, ChooseKvHeads(request));
  const auto loss_of = [&](const HeadChoice& choice) -> absl::StatusOr<double> {
    how.kv_heads = KvHeadsJson(choice.heads, SitesOf(outcome.choice));
    REGROUP_ASSIGN_OR_RETURN(const Conversion merged,
                             Regroup(source.config, source.weights, how, &calibration.statistics));
    return LossOn(calibration.rows, merged.config, merged.weights);
  };
  REGROUP_ASSIGN_OR_RETURN(outcome.uniform_loss, loss_of(outcome.choice.uniform));
  REGROUP_ASSIGN_OR_RETURN(outcome.chosen_loss, loss_of(outcome.choice.chosen));
  return outcome;
}

}  // namespace

absl::StatusOr<ConvertOutcome> ConvertFolder(const ConvertFolderOptions& options) {
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(options.to, options.from, options.overwrite));
  REGROUP_RETURN_IF_ERROR(CheckOptions(options));
  std::optional<Calibration> calibration;
  if (!options.calibration.empty()) {
    REGROUP_ASSIGN_OR_RETURN(calibration, LoadCalibration(options.calibration));
  }
  REGROUP_ASSIGN_OR_RETURN(const HfModel source, LoadHfFolder(options.from));
  const std::string source_hash = HashWeights(source.weights);
  if (calibration.has_value())
    REGROUP_RETURN_IF_ERROR(CheckCalibratedOn(*calibration, source_hash, options.from));
  const Statistics* statistics = calibration.has_value() ? &calibration->statistics : nullptr;
  ConvertOutcome outcome;
  ConvertConfig how = options.convert;
  if (how.kv_budget.has_value()) {
    REGROUP_ASSIGN_OR_RETURN(outcome.budget, Choose(source, *calibration, options, how));
  }
  REGROUP_ASSIGN_OR_RETURN(Conversion result,
                           Regroup(source.config, source.weights, how, statistics));
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
  save.provenance = Provenance(source, source_hash, options, how, outcome);
  save.source_folder = options.from;
  REGROUP_RETURN_IF_ERROR(SaveHfFolder(options.to, save, options.overwrite));
  return outcome;
}

namespace {

std::string ChoiceText(const char* name, HeadChoice choice, const BudgetChoice& budget,
                       double loss) {
  std::string heads;
  for (const std::string& site : SitesOf(budget))
    absl::StrAppend(&heads, heads.empty() ? "" : ", ", site, " ",
                    absl::StrJoin(choice.heads.Of(site), " "));
  return absl::StrFormat("%-10s %5.1f %%  %10.4f  %8.4f  %s\n", name, 100 * choice.share,
                         choice.error, loss, heads);
}

std::string BudgetText(const BudgetOutcome& outcome) {
  const BudgetChoice& choice = outcome.choice;
  return absl::StrCat(
      absl::StrFormat("budget: %g %% of the K/V bytes of a row of %d source and %d target tokens\n"
                      "%-10s %7s  %10s  %8s  %s\n",
                      100 * choice.budget, choice.source_tokens, choice.target_tokens, "", "bytes",
                      "sum errors", "loss", "K/V heads by layer"),
      ChoiceText("chosen", choice.chosen, choice, outcome.chosen_loss),
      ChoiceText("uniform", choice.uniform, choice, outcome.uniform_loss), "\n");
}

}  // namespace

std::string OutcomeText(const ConvertOutcome& outcome) {
  std::string text = ConversionText(outcome.report);
  if (outcome.budget.has_value()) text = absl::StrCat(BudgetText(*outcome.budget), text);
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
