// regroup metrics: text against text, no model.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/next_step.h"
#include "metrics/metric_files.h"
#include "report/table.h"

namespace regroup {
namespace {

struct Options {
  std::string metric, predictions, baseline;
  std::vector<std::string> references;
  std::string tokenize = "13a";
  bool lowercase = false, stemmer = false;
  int64_t bootstrap = 0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("metric", "which metric")
          .Required()
          .OneOf({"bleu", "chrf", "rouge", "squad", "trivia_qa", "accuracy", "exact_match"}),
      c.metric);
    v(Field("predictions", "text lines, .jsonl of generate, or SQuAD's {id: text}")
          .Required()
          .Path(),
      c.predictions);
    v(Field("references", "text lines (a file per reference), .jsonl rows, or SQuAD JSON")
          .Required()
          .Path(),
      c.references);
    v(Field("baseline", "another system's predictions: the difference, with its p-value").Path(),
      c.baseline);
    v(Field("tokenize", "BLEU's tokenizer").OneOf({"13a", "intl", "char", "none"}), c.tokenize);
    v(Field("lowercase", "BLEU and chrF without case"), c.lowercase);
    v(Field("stemmer", "ROUGE with the Porter stemmer"), c.stemmer);
    v(Field("bootstrap", "resamples for 95 % intervals, 0 = none (1000 with --baseline)")
          .AtLeast(0)
          .AtMost(1000000),
      c.bootstrap);
  }
};

std::string Bounds(const Interval& interval) {
  return absl::StrFormat("[%.4f, %.4f]", interval.first, interval.second);
}

void PrintNotes(const MetricResult& result) {
  for (const auto& [name, note] : result.notes) std::cout << name << ": " << note << "\n";
}

void Print(const MetricResult& result) {
  for (const auto& [name, value] : result.values) {
    std::cout << absl::StrFormat("%-12s %8.4f", name, value);
    const auto interval = result.interval.find(name);
    if (interval != result.interval.end()) {
      std::cout << "  " << Bounds(interval->second);
    }
    std::cout << "\n";
  }
  PrintNotes(result);
}

void PrintPaired(const PairedResult& result) {
  TextTable table{{"metric", "score", "baseline", "difference", "95 % interval", "p"}, {}};
  for (const auto& [name, paired] : result.paired) {
    table.rows.push_back({name, absl::StrFormat("%.4f", result.system.values.at(name)),
                          absl::StrFormat("%.4f", result.baseline.values.at(name)),
                          absl::StrFormat("%+.4f", paired.difference), Bounds(paired.interval),
                          absl::StrFormat("%.4f", paired.p_value)});
  }
  std::cout << FormatTable(table) << "paired bootstrap, " << result.resamples << " resamples\n";
  PrintNotes(result.system);
}

absl::Status Compare(const Options& options, const MetricInput& system, const MetricOptions& how,
                     bool json) {
  REGROUP_ASSIGN_OR_RETURN(const MetricInput baseline,
                           ReadMetricFiles(options.baseline, options.references));
  REGROUP_ASSIGN_OR_RETURN(const PairedResult result,
                           ComparePaired(options.metric, system, baseline, how));
  if (json) {
    std::cout << DumpJson(PairedResultToJson(options.metric, result)) << "\n";
  } else {
    PrintPaired(result);
  }
  return absl::OkStatus();
}

MetricOptions HowToScore(const Options& options, const CommonOptions& common) {
  MetricOptions how;
  how.tokenize = options.tokenize;
  how.lowercase = options.lowercase;
  how.stemmer = options.stemmer;
  how.bootstrap = static_cast<int>(options.bootstrap);
  how.seed = static_cast<uint64_t>(common.seed.value_or(0));
  return how;
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  const MetricOptions how = HowToScore(options, common);
  REGROUP_RETURN_IF_ERROR(ValidateMetricOptions({options.metric}, how));
  REGROUP_ASSIGN_OR_RETURN(const MetricInput input,
                           ReadMetricFiles(options.predictions, options.references));
  if (!options.baseline.empty()) return Compare(options, input, how, common.json);
  REGROUP_ASSIGN_OR_RETURN(const MetricResult result, ScoreMetric(options.metric, input, how));
  if (common.json) {
    std::cout << DumpJson(MetricResultToJson(options.metric, result)) << "\n";
  } else {
    Print(result);
  }
  const std::string again =
      ShellWords({"--predictions", options.predictions, "--baseline", "OTHER"});
  SayNext(common, options.bootstrap == 0 ? "the same with --bootstrap 1000 adds 95 % intervals"
                                         : "the same with " + again +
                                               " says whether a difference is more than chance");
  return absl::OkStatus();
}

}  // namespace

Command MetricsCommand() {
  return MakeCommand<Options>(
      "metrics", "scores text against text: BLEU, chrF, ROUGE, SQuAD, TriviaQA",
      {"regroup metrics --metric bleu --predictions out.txt --references ref.txt --tokenize intl",
       "regroup metrics --metric rouge --predictions out.jsonl --references rows.jsonl --bootstrap "
       "1000 --json",
       "regroup metrics --metric bleu --predictions a.txt --baseline b.txt --references ref.txt"},
      {}, Run);
}

}  // namespace regroup
