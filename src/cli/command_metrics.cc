// regroup metrics: text against text, no model.
#include <ATen/ATen.h>

#include <iostream>

#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "metrics/metric_files.h"

namespace regroup {
namespace {

struct Options {
  std::string metric, predictions;
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
    v(Field("predictions", "text lines, .jsonl of generate, or SQuAD's {id: text}").Required(),
      c.predictions);
    v(Field("references", "text lines (a file per reference), .jsonl rows, or SQuAD JSON")
          .Required(),
      c.references);
    v(Field("tokenize", "BLEU's tokenizer").OneOf({"13a", "intl", "char", "none"}), c.tokenize);
    v(Field("lowercase", "BLEU and chrF without case"), c.lowercase);
    v(Field("stemmer", "ROUGE with the Porter stemmer"), c.stemmer);
    v(Field("bootstrap", "resamples for 95 % intervals, 0 = none").AtLeast(0).AtMost(1000000),
      c.bootstrap);
  }
};

void Print(const MetricResult& result) {
  for (const auto& [name, value] : result.values) {
    std::cout << absl::StrFormat("%-12s %8.4f", name, value);
    const auto interval = result.interval.find(name);
    if (interval != result.interval.end()) {
      std::cout << absl::StrFormat("  [%.4f, %.4f]", interval->second.first,
                                   interval->second.second);
    }
    std::cout << "\n";
  }
  for (const auto& [name, note] : result.notes) std::cout << name << ": " << note << "\n";
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  MetricOptions how;
  how.tokenize = options.tokenize;
  how.lowercase = options.lowercase;
  how.stemmer = options.stemmer;
  how.bootstrap = static_cast<int>(options.bootstrap);
  how.seed = static_cast<uint64_t>(common.seed.value_or(0));
  REGROUP_RETURN_IF_ERROR(ValidateMetricOptions({options.metric}, how));
  REGROUP_ASSIGN_OR_RETURN(const MetricInput input,
                           ReadMetricFiles(options.predictions, options.references));
  REGROUP_ASSIGN_OR_RETURN(const MetricResult result, ScoreMetric(options.metric, input, how));
  if (common.json) {
    std::cout << DumpJson(MetricResultToJson(options.metric, result)) << "\n";
  } else {
    Print(result);
  }
  return absl::OkStatus();
}

}  // namespace

Command MetricsCommand() {
  return MakeCommand<Options>(
      "metrics", "scores text against text: BLEU, chrF, ROUGE, SQuAD, TriviaQA",
      {"regroup metrics --metric bleu --predictions out.txt --references ref.txt --tokenize intl",
       "regroup metrics --metric rouge --predictions out.jsonl --references rows.jsonl --bootstrap "
       "1000 --json"},
      {}, Run);
}

}  // namespace regroup
