// Names of metrics, their options, and the way from rows to a result: see metric.h.
#include "metrics/metric.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "metrics/bleu.h"
#include "metrics/chrf.h"
#include "metrics/rouge.h"
#include "metrics/squad.h"

namespace regroup {
namespace {

constexpr int kDefaultResamples = 1000;

absl::Status CheckInput(const std::string& metric, const MetricInput& input) {
  const size_t rows = input.predictions.size();
  if (rows != input.references.size()) {
    return UserError(metric,
                     absl::StrCat("found ", rows, " predictions and ", input.references.size(),
                                  " rows of references; each prediction needs its own"));
  }
  if (rows == 0) return UserError(metric, "there is no row to score; give at least one prediction");
  REGROUP_CHECK(input.missing.empty() || input.missing.size() == rows,
                "missing marks every row or none");
  for (size_t i = 0; i < rows; ++i) {
    const std::string place = absl::StrCat(metric, ": row ", i);
    if (input.references[i].empty()) return UserError(place, "has no reference; give at least one");
    if (!TakesMissing(metric) && !input.missing.empty() && input.missing[i]) {
      return UserError(place,
                       absl::StrCat("has no prediction; ", metric, " needs one for every row"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ScoredRows> ScoreRows(const std::string& metric, const MetricInput& input,
                                     const MetricOptions& options) {
  if (metric == "bleu") {
    REGROUP_ASSIGN_OR_RETURN(const BleuTokenizer tokenizer, ParseBleuTokenizer(options.tokenize));
    return ScoreBleu(input.predictions, input.references, {tokenizer, options.lowercase});
  }
  if (metric == "chrf") return ScoreChrf(input.predictions, input.references, options.lowercase);
  if (metric == "rouge") {
    return ScoreRouge(input.predictions, input.references,
                      {options.stemmer, options.sentence_split_dot});
  }
  if (metric == "squad" || metric == "trivia_qa") {
    const AnswerRules rules = metric == "squad" ? AnswerRules::kSquad : AnswerRules::kTriviaQa;
    return ScoreAnswers(input.predictions, input.references, input.missing, rules);
  }
  return ScoreEquality(input.predictions, input.references, input.missing, metric);
}

absl::StatusOr<ScoredRows> CheckAndScoreRows(const std::string& metric, const MetricInput& input,
                                             const MetricOptions& options) {
  REGROUP_RETURN_IF_ERROR(CheckMetric(metric));
  REGROUP_RETURN_IF_ERROR(CheckInput(metric, input));
  REGROUP_RETURN_IF_ERROR(CheckResamples(options.bootstrap));
  return ScoreRows(metric, input, options);
}

// Signatures, and the parts of BLEU that its contract shows.
void AddDetails(const std::string& metric, const MetricInput& input, const MetricOptions& options,
                const std::vector<double>& sums, MetricResult& result) {
  if (metric == "bleu") {
    const BleuScore score = BleuFromSums(sums);
    result.precisions.assign(score.precisions.begin(), score.precisions.end());
    result.brevity_penalty = score.brevity_penalty;
    const BleuOptions bleu{*ParseBleuTokenizer(options.tokenize), options.lowercase};
    result.notes["signature"] = BleuSignature(input.references, bleu);
  }
  if (metric == "chrf")
    result.notes["signature"] = ChrfSignature(input.references, options.lowercase);
}

// The values of `rows`, with intervals when options.bootstrap asks for them.
MetricResult ResultOf(const std::string& metric, const ScoredRows& rows, const MetricInput& input,
                      const MetricOptions& options) {
  const std::vector<double> sums = SumRows(rows.table);
  const std::vector<double> values = rows.aggregate(sums, rows.table.rows());
  MetricResult result;
  for (size_t i = 0; i < values.size(); ++i) result.values[rows.names[i]] = values[i];
  AddDetails(metric, input, options, sums, result);
  if (options.bootstrap > 0) {
    const auto intervals =
        BootstrapIntervals(rows.table, rows.aggregate, options.bootstrap, options.seed);
    for (size_t i = 0; i < intervals.size(); ++i) result.interval[rows.names[i]] = intervals[i];
  }
  return result;
}

Json IntervalToJson(const Interval& interval) { return {interval.first, interval.second}; }

}  // namespace

absl::StatusOr<MetricResult> ScoreMetric(const std::string& metric, const MetricInput& input,
                                         const MetricOptions& options) {
  REGROUP_ASSIGN_OR_RETURN(const ScoredRows rows, CheckAndScoreRows(metric, input, options));
  return ResultOf(metric, rows, input, options);
}

absl::StatusOr<MetricResult> ScoreMetric(const std::string& metric,
                                         const std::vector<std::string>& predictions,
                                         const std::vector<std::vector<std::string>>& references,
                                         const MetricOptions& options) {
  return ScoreMetric(metric, MetricInput{predictions, references, {}}, options);
}

absl::StatusOr<PairedResult> ComparePaired(const std::string& metric, const MetricInput& system,
                                           const MetricInput& baseline,
                                           const MetricOptions& options) {
  REGROUP_ASSIGN_OR_RETURN(const ScoredRows rows, CheckAndScoreRows(metric, system, options));
  REGROUP_ASSIGN_OR_RETURN(const ScoredRows others, CheckAndScoreRows(metric, baseline, options));
  REGROUP_CHECK(system.references == baseline.references, "two systems on different rows");
  const int resamples = options.bootstrap > 0 ? options.bootstrap : kDefaultResamples;
  PairedResult result{ResultOf(metric, rows, system, options),
                      ResultOf(metric, others, baseline, options),
                      {},
                      resamples};
  const auto compared =
      PairedBootstrap(rows.table, others.table, rows.aggregate, resamples, options.seed);
  for (size_t i = 0; i < compared.size(); ++i) result.paired[rows.names[i]] = compared[i];
  return result;
}

Json MetricResultToJson(const std::string& metric, const MetricResult& result) {
  Json json = Json::object();
  for (const std::string& key : MetricKeys(metric)) json[key] = result.values.at(key);
  for (const auto& [name, text] : result.notes) json[name] = text;
  if (metric == "bleu") {
    json["precisions"] = result.precisions;
    json["brevity_penalty"] = result.brevity_penalty;
  }
  if (!result.interval.empty()) {
    Json intervals = Json::object();
    for (const std::string& key : MetricKeys(metric))
      intervals[key] = IntervalToJson(result.interval.at(key));
    json["interval"] = intervals;
  }
  return json;
}

Json PairedResultToJson(const std::string& metric, const PairedResult& result) {
  Json json = MetricResultToJson(metric, result.system);
  json["baseline"] = MetricResultToJson(metric, result.baseline);
  Json paired = Json::object();
  for (const std::string& key : MetricKeys(metric)) {
    const PairedDifference& of_key = result.paired.at(key);
    paired[key] = {{"difference", of_key.difference},
                   {"interval", IntervalToJson(of_key.interval)},
                   {"p_value", of_key.p_value}};
  }
  json["paired"] = paired;
  json["resamples"] = result.resamples;
  return json;
}

}  // namespace regroup
