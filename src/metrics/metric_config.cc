// The table of metrics: see metric_config.h.
#include "metrics/metric_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace regroup {
namespace {

constexpr int kMostResamples = 1'000'000;

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

std::vector<std::string> MetricsWithOption(const std::string& option) {
  std::vector<std::string> metrics;
  for (const MetricEntry& entry : Table()) {
    if (std::ranges::find(entry.options, option) != entry.options.end())
      metrics.push_back(entry.name);
  }
  return metrics;
}

absl::Status CheckMetric(const std::string& metric) {
  return Find(metric) != nullptr ? absl::OkStatus() : UnknownMetric(metric);
}

bool TakesMissing(const std::string& metric) {
  const MetricEntry* entry = Find(metric);
  return entry != nullptr && entry->takes_missing;
}

absl::Status CheckResamples(int64_t resamples) {
  if (resamples >= 0 && resamples <= kMostResamples) return absl::OkStatus();
  return UserError("bootstrap",
                   absl::StrCat("found ", resamples, ", expected 0 to ", kMostResamples));
}

const std::vector<std::string>& BleuTokenizerNames() {
  static const auto& names = *new std::vector<std::string>{"13a", "intl", "char", "none"};
  return names;
}

absl::Status CheckBleuTokenizer(const std::string& name) {
  const auto& names = BleuTokenizerNames();
  if (std::find(names.begin(), names.end(), name) != names.end()) return absl::OkStatus();
  return UserError("tokenize",
                   absl::StrCat("\"", name, "\" is no BLEU tokenizer", DidYouMean(name, names),
                                "; choose one of ", absl::StrJoin(names, ", ")));
}

absl::Status ValidateMetricOptions(const std::vector<std::string>& metrics,
                                   const MetricOptions& options) {
  std::vector<std::string> useful;
  for (const std::string& metric : metrics) {
    const MetricEntry* entry = Find(metric);
    if (entry == nullptr) return UnknownMetric(metric);
    useful.insert(useful.end(), entry->options.begin(), entry->options.end());
  }
  REGROUP_RETURN_IF_ERROR(CheckBleuTokenizer(options.tokenize));
  for (const std::string& option : OptionsGiven(options)) {
    if (std::find(useful.begin(), useful.end(), option) == useful.end()) {
      return UserError(option, absl::StrCat("has no effect on ", absl::StrJoin(metrics, ", "),
                                            "; leave it out"));
    }
  }
  return CheckResamples(options.bootstrap);
}

}  // namespace regroup
