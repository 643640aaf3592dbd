// How long the texts of a data file are: percentiles, a histogram in text, and how many a limit
// would cut. inspect_data.cc collects them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace regroup {

class LengthCounts {
 public:
  void Add(int64_t length) { lengths_.push_back(length); }
  int64_t size() const { return static_cast<int64_t>(lengths_.size()); }

  // {"rows", "total", "mean", "p50", "p90", "p99", "longest", "limit" (null: none), "over" (rows
  // beyond the limit), "histogram": [{"from", "to", "rows"}]}. Bins double in width; one ends at
  // the limit. Percentiles are nearest-rank.
  Json ToJson(int64_t limit) const;  // limit 0: none

 private:
  std::vector<int64_t> lengths_;
};

// Lines for people: a summary and bars, the limit marked between its bins. `unit`: "tokens",
// "characters".
std::string LengthText(const std::string& name, const Json& counts, const std::string& unit);

}  // namespace regroup
