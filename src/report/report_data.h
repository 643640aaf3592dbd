// Everything that a report is about, gathered from one or several run folders. report.cc gathers
// it; tables, plots and sentences are made from it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "report/examples.h"
#include "report/findings.h"

namespace regroup {

// A window of training data that a stage skipped (ledger.jsonl).
struct SkippedWindow {
  std::string stage, reason;
  double step, loss, gradient_norm, position;  // position: of the stream, in examples
};

struct ReportedRun {
  std::string label;  // the folder's name, or its path where names repeat
  RunRecord record;
  Findings findings;
  std::vector<SkippedWindow> skipped;
};

struct ReportData {
  std::vector<ReportedRun> runs;
  std::vector<ExampleSet> examples;
  std::vector<RunNote> notes;  // of all runs; with several, the place begins with the run's label

  bool several() const { return runs.size() > 1; }
  // `name`, with the run's label before it where there are several.
  std::string Named(const ReportedRun& run, const std::string& name) const;
};

// UserError for a path that is no run folder.
absl::StatusOr<ReportData> GatherReport(const std::vector<std::string>& paths);

}  // namespace regroup
