// Config structs of `data` (no LibTorch): corpora, span corruption, tasks. The recipe reads them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/fields.h"

namespace regroup {

struct CorpusConfig {
  std::vector<std::string> files;  // paths and globs
  std::string format = "jsonl";    // jsonl | text (one document per line; .gz and .zst by name)
  std::string text = "text";       // the key of the text in a JSON line

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("files", "paths and globs of the corpus").Required().Path(), c.files);
    v(Field("format", "jsonl: a JSON object per line; text: a document per line")
          .OneOf({"jsonl", "text"}),
      c.format);
    v(Field("text", "key of the text in a JSON line").OnlyIf("format", {"jsonl"}), c.text);
  }
};

struct SpanCorruptionConfig {
  std::map<std::string, double>
      mixture;  // corpus name -> weight; empty: all corpora, equal weights
  int64_t source_length = 512;
  double noise_density = 0.15;
  double mean_span_length = 3.0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("mixture", "corpus name: weight"), c.mixture);
    v(Field("source_length", "tokens of a corrupted source, EOS included").AtLeast(8).AtMost(65536),
      c.source_length);
    v(Field("noise_density", "share of tokens that are masked").AtLeast(0.001).AtMost(0.999),
      c.noise_density);
    v(Field("mean_span_length", "mean length of a masked span").AtLeast(1), c.mean_span_length);
  }
};

struct TaskLengths {
  int64_t source = 512;
  int64_t target = 128;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("source", "longest source in tokens, EOS included; longer text is cut").AtLeast(2),
      c.source);
    v(Field("target", "longest target in tokens, EOS included; longer text is cut").AtLeast(2),
      c.target);
  }
};

// How a row's fields become texts before the templates use them (task_fields.h).
struct TaskFieldsConfig {
  std::vector<std::string> booleans;           // texts of false and of true; empty: as JSON
  std::map<std::string, std::string> replace;  // text -> text, in all texts of a row
  std::map<std::string, std::string> lines;    // new field -> template, a line for each entry

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("booleans", "the two texts of false and of true, for instance [\"False\", \"True\"]"),
      c.booleans);
    v(Field("replace", "text: what stands for it, in every text of a row"), c.replace);
    v(Field("lines",
            "new field: template over list fields, filled once for each entry, a line each"),
      c.lines);
  }
};

// The text half of a task: fields, template, reader, lengths (the metric half is in `evaluate`).
struct TextTaskConfig {
  std::string name;
  std::string input;  // "summarize: {description}"
  std::string
      target;  // "{title}"; a field that holds a list: its first entry trains, all are references
  std::string reader = "jsonl";
  TaskLengths lengths;
  TaskFieldsConfig fields = {};
  std::string window = {};    // field that training cuts to a window around the target; "": none
  std::string evidence = {};  // trivia_qa: folder of documents; "": evidence beside the qa folder
};

// What rows are read for: readers and windows treat training differently.
enum class RowUse { kTraining, kEvaluation };

}  // namespace regroup
