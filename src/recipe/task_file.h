// A task file (configs/task/*.yaml): template, reader, lengths, metrics, decoding. `recipe` reads
// it for stages, `cli` for `evaluate --task`; `pipeline` turns it into the TaskConfig of
// `evaluate`.
#pragma once

#include <string>
#include <vector>

#include "data/data_config.h"
#include "decode/decode_config.h"
#include "recipe/problems.h"

namespace regroup {

struct TaskMetricOptions {
  std::string tokenize = "13a";
  bool lowercase = false;
  bool stemmer = false;
  bool sentence_split_dot = false;
  int64_t bootstrap = 1000;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("tokenize", "BLEU's tokenizer (the papers: intl)")
          .OneOf({"13a", "intl", "char", "none"}),
      c.tokenize);
    v(Field("lowercase", "BLEU and chrF without case"), c.lowercase);
    v(Field("stemmer", "ROUGE with the Porter stemmer"), c.stemmer);
    v(Field("sentence_split_dot", "ROUGE-Lsum: sentences end at \" . \""), c.sentence_split_dot);
    v(Field("bootstrap", "resamples for the intervals").AtLeast(100).AtMost(100000), c.bootstrap);
  }
};

struct TaskFile {
  std::string name;
  std::string input;
  std::string target;
  std::string reader = "jsonl";
  std::string evidence;
  TaskFieldsConfig fields;
  std::string window;
  TaskLengths lengths;
  std::vector<std::string> metrics;
  TaskMetricOptions metric_options;
  DecodeConfig decode;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("name", "name in tables").Required(), c.name);
    v(Field("input", "template of the source, for instance \"summarize: {article}\"").Required(),
      c.input);
    v(Field("target", "template of the target, for instance \"{highlights}\"").Required(),
      c.target);
    v(Field("reader", "form of the data files (docs/data.md)")
          .OneOf({"jsonl", "json", "tsv", "parallel", "squad", "trivia_qa"}),
      c.reader);
    v(Field("evidence", "folder of TriviaQA's documents; default: evidence beside the qa folder")
          .Path()
          .OnlyIf("reader", {"trivia_qa"}),
      c.evidence);
    v(Field("fields", "how fields become texts before the templates use them"), c.fields);
    v(Field("window",
            "field at the end of the source that training cuts to a window around the target"),
      c.window);
    v(Field("lengths", "longest source and target in tokens"), c.lengths);
    v(Field("metrics", "the first one chooses the checkpoint")
          .Required()
          .OneOf({"bleu", "chrf", "rouge", "squad", "trivia_qa", "accuracy", "exact_match"}),
      c.metrics);
    v(Field("metric_options", "options of the metrics"), c.metric_options);
    v(Field("decode", "options of decoding"), c.decode);
  }
};

// Names under which the task's metrics report values ("rouge1", "bleu", "f1", ...): what keep_best
// may name.
std::vector<std::string> MetricKeys(const TaskFile& task);

// Reads a task file; all deviations are added to `problems`.
TaskFile ReadTaskFile(const std::string& path, Problems& problems);

}  // namespace regroup
