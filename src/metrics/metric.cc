// Names of metrics, their options, and the way from rows to a result: see metric.h.
#include "metrics/metric.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "metrics/bleu.h"
#include "metrics/chrf.h"
#include "metrics/rouge.h"
#include "metrics/squad.h"

namespace regroup {
namespace {

constexpr int kMostResamples = 1'000'000;
constexpr int kDefaultResamples = 1000;

struct MetricEntry {
  std::string name;
  std::string primary;
  std::vector<std::string> keys;
  std::vector<std::string> options;  // that change its values
  bool takes_missing;                // a missing prediction is wrong, rather than an error
};

const std::vector<MetricEntry>& Table() {
  static const auto& table =
      *new std::vector<MetricEntry>{{"bleu", "bleu", {"bleu"}, {"tokenize", "lowercase"}, false},
                                    {"chrf", "chrf", {"chrf"}, {"lowercase"}, false},
                                    {"rouge",
                                     "rouge1",
                                     {"rouge1", "rouge2", "rougeL", "rougeLsum"},
                                     {"stemmer", "sentence_split_dot"},
                                     false},
                                    {"squad", "f1", {"exact_match", "f1"}, {}, true},
                                    {"trivia_qa", "f1", {"exact_match", "f1"}, {}, true},
                                    {"accuracy", "accuracy", {"accuracy"}, {}, true},
                                    {"exact_match", "exact_match", {"exact_match"}, {}, true}};
  return table;
}

const MetricEntry* Find(const std::string& metric) {
  const auto found =
      std::find_if(Table().begin(), Table().end(), [&](const auto& e) { return e.name == metric; });
  return found == Table().end() ? nullptr : &*found;
}

absl::Status UnknownMetric(const std::string& metric) {
  return UserError("metric",
                   absl::StrCat("\"", metric, "\" is no metric", DidYouMean(metric, MetricNames()),
                                "; choose one of ", absl::StrJoin(MetricNames(), ", ")));
}

absl::Status CheckInput(const MetricEntry& metric, const MetricInput& input) {
  const size_t rows = input.predictions.size();
  if (rows != input.references.size()) {
    return UserError(metric.name,
                     absl::StrCat("found ", rows, " predictions and ", input.references.size(),
                                  " rows of references; each prediction needs its own"));
  }
  if (rows == 0)
    return UserError(metric.name, "there is no row to score; give at least one prediction");
  REGROUP_CHECK(input.missing.empty() || input.missing.size() == rows,
                "missing marks every row or none");
  for (size_t i = 0; i < rows; ++i) {
    const std::string place = absl::StrCat(metric.name, ": row ", i);
    if (input.references[i].empty()) return UserError(place, "has no reference; give at least one");
    if (!metric.takes_missing && !input.missing.empty() && input.missing[i]) {
      return UserError(
          place, absl::StrCat("has no prediction; ", metric.name, " needs one for every row"));
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
  const MetricEntry* entry = Find(metric);
  if (entry == nullptr) return UnknownMetric(metric);
  REGROUP_RETURN_IF_ERROR(CheckInput(*entry, input));
  if (options.bootstrap < 0 || options.bootstrap > kMostResamples) {
    return UserError("bootstrap",
                     absl::StrCat("found ", options.bootstrap, ", expected 0 to ", kMostResamples));
  }
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

// Options that differ from their defaults.
std::vector<std::string> OptionsGiven(const MetricOptions& options) {
  const MetricOptions defaults;
  std::vector<std::string> given;
  if (options.tokenize != defaults.tokenize) given.push_back("tokenize");
  if (options.lowercase) given.push_back("lowercase");
  if (options.stemmer) given.push_back("stemmer");
  if (options.sentence_split_dot) given.push_back("sentence_split_dot");
  return given;
}

}  // namespace

const std::vector<std::string>& MetricNames() {
  static const auto& names = *[] {
    auto* list = new std::vector<std::string>;
    for (const MetricEntry& entry : Table()) list->push_back(entry.name);
    return list;
  }();
  return names;
}

std::string PrimaryKey(const std::string& metric) {
  const MetricEntry* entry = Find(metric);
  return entry == nullptr ? "" : entry->primary;
}

std::vector<std::string> MetricKeys(const std::string& metric) {
  const MetricEntry* entry = Find(metric);
  return entry == nullptr ? std::vector<std::string>{} : entry->keys;
}

absl::Status ValidateMetricOptions(const std::vector<std::string>& metrics,
                                   const MetricOptions& options) {
  std::vector<std::string> useful;
  for (const std::string& metric : metrics) {
    const MetricEntry* entry = Find(metric);
    if (entry == nullptr) return UnknownMetric(metric);
    useful.insert(useful.end(), entry->options.begin(), entry->options.end());
  }
  REGROUP_RETURN_IF_ERROR(ParseBleuTokenizer(options.tokenize).status());
  for (const std::string& option : OptionsGiven(options)) {
    if (std::find(useful.begin(), useful.end(), option) == useful.end()) {
      return UserError(option, absl::StrCat("has no effect on ", absl::StrJoin(metrics, ", "),
                                            "; leave it out"));
    }
  }
  if (options.bootstrap < 0 || options.bootstrap > kMostResamples) {
    return UserError("bootstrap",
                     absl::StrCat("found ", options.bootstrap, ", expected 0 to ", kMostResamples));
  }
  return absl::OkStatus();
}

absl::StatusOr<MetricResult> ScoreMetric(const std::string& metric, const MetricInput& input,
                                         const MetricOptions& options) {
  REGROUP_ASSIGN_OR_RETURN(const ScoredRows rows, CheckAndScoreRows(metric, input, options));
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

absl::StatusOr<MetricResult> ScoreMetric(const std::string& metric,
                                         const std::vector<std::string>& predictions,
                                         const std::vector<std::vector<std::string>>& references,
                                         const MetricOptions& options) {
  return ScoreMetric(metric, MetricInput{predictions, references, {}}, options);
}

absl::StatusOr<std::map<std::string, PairedDifference>> ComparePaired(
    const std::string& metric, const MetricInput& system, const std::vector<std::string>& baseline,
    const MetricOptions& options) {
  const MetricInput other{baseline, system.references, {}};
  REGROUP_ASSIGN_OR_RETURN(const ScoredRows rows, CheckAndScoreRows(metric, system, options));
  REGROUP_ASSIGN_OR_RETURN(const ScoredRows other_rows, CheckAndScoreRows(metric, other, options));
  const int samples = options.bootstrap > 0 ? options.bootstrap : kDefaultResamples;
  const auto compared =
      PairedBootstrap(rows.table, other_rows.table, rows.aggregate, samples, options.seed);
  std::map<std::string, PairedDifference> differences;
  for (size_t i = 0; i < compared.size(); ++i) differences[rows.names[i]] = compared[i];
  return differences;
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
    for (const std::string& key : MetricKeys(metric)) {
      const Interval& interval = result.interval.at(key);
      intervals[key] = {interval.first, interval.second};
    }
    json["interval"] = intervals;
  }
  return json;
}

}  // namespace regroup
