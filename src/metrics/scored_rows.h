// What every metric of this room returns: numbers per row, and how sums of them become values. Used
// by metric.cc.
#pragma once

#include <string>
#include <vector>

#include "metrics/bootstrap.h"

namespace regroup {

struct ScoredRows {
  std::vector<std::string> names;  // of the values, in the order of `aggregate`'s result
  StatTable table;
  Aggregate aggregate;
};

// Aggregate of a metric whose corpus value is the plain mean over rows, on the 0-100 scale.
inline std::vector<double> MeanPercent(std::span<const double> sums, int64_t rows) {
  std::vector<double> values;
  for (const double sum : sums) values.push_back(100.0 * sum / static_cast<double>(rows));
  return values;
}

}  // namespace regroup
