// Rows of a task with the output of every model side by side. The report shows them.
#pragma once

#include <string>
#include <vector>

#include "report/findings.h"

namespace regroup {

struct ExampleRow {
  std::string id;                       // as the predictions have it
  std::string source;                   // "" where the run did not record it
  std::vector<std::string> references;  // as far as the first model's file has them
  std::vector<std::string> outputs;     // one per model of the set, in its order
  double disagreement = 0;              // 1 - mean word overlap of the outputs, pair by pair
  bool chosen_by_disagreement = false;  // else by its place in the file
};

struct ExampleSet {
  std::string task;                 // with the split where it is not test
  std::vector<std::string> models;  // labels; of several runs with the run's
  std::vector<ExampleRow> rows;     // in the files' order
  size_t rows_read = 0;
};

struct ExampleSource {
  std::string model;        // label
  std::string task;         // TaskName
  std::string predictions;  // file
  std::string place;        // for notes
};

inline constexpr size_t kExamples = 8;            // per task: half by disagreement, half spread out
inline constexpr size_t kMostExampleRows = 5000;  // of a file are looked at

// One set per task, in order of appearance. Rows are paired by their place in the files; files
// whose references differ from the first one's are left out, as files that cannot be read, with a
// note.
std::vector<ExampleSet> ChooseExamples(const std::vector<ExampleSource>& sources,
                                       std::vector<RunNote>& notes);

// The set as HTML: a card for each row, differences from the reference marked.
std::string ExamplesHtml(const ExampleSet& set);

}  // namespace regroup
