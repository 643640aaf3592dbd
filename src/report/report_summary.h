// A run in sentences: what was asked for and what came out. The page begins with it.
#pragma once

#include <string>
#include <vector>

#include "report/report_data.h"

namespace regroup {

struct RunSummary {
  std::vector<std::pair<std::string, std::string>> facts;  // "Machine": "cpu, 2 threads, AVX512"
  std::vector<std::string> findings;                       // sentences, plain text
};
RunSummary SummaryOf(const ReportedRun& run);

}  // namespace regroup
