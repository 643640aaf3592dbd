// The screen of `watch`: a run as lines of text. Pure: what it shows is what it is given.
#pragma once

#include <string>
#include <vector>

#include "report/run_record.h"

namespace regroup {

struct WatchSize {
  size_t columns = 80;
  size_t rows = 0;  // 0: as many as it takes
  bool operator==(const WatchSize&) const = default;
};

// The stage that is looked at: the running one, else the one that stopped last, else the last that
// trained. Null if none has begun.
const StageRecord* CurrentStage(const RunRecord& run);

// `stage` is CurrentStage with its log; may be null. `now`: Unix seconds. Lines of printable text,
// none longer than the columns, no more than the rows.
std::vector<std::string> WatchLines(const RunRecord& run, const StageRecord* stage, double now,
                                    const WatchSize& size);

// Steps per second over the last lines, as their median: a pause between two lines does not count.
// NaN with fewer than two.
double StepsPerSecond(const TrainingLog& log);

}  // namespace regroup
