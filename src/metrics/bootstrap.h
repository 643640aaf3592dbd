// Percentile bootstrap over rows. Metrics keep numbers per row whose sums determine the score, so a
// resample adds rows and never scores text again. Used by metric.cc; evaluate uses the paired form
// to compare two models.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace regroup {

// Sufficient statistics: rows() x width numbers, row after row.
struct StatTable {
  int64_t width = 0;
  std::vector<double> cells;

  int64_t rows() const { return width == 0 ? 0 : static_cast<int64_t>(cells.size()) / width; }
  std::span<const double> Row(int64_t row) const {
    return {cells.data() + row * width, static_cast<size_t>(width)};
  }
  void Append(std::span<const double> row) { cells.insert(cells.end(), row.begin(), row.end()); }
};

// Values of a metric from the sums of its statistics over `rows` rows.
using Aggregate = std::function<std::vector<double>(std::span<const double> sums, int64_t rows)>;

using Interval = std::pair<double, double>;

// The sums of all rows of `table`.
std::vector<double> SumRows(const StatTable& table);

// The q-th quantile (0..1) of `values` with linear interpolation, as numpy.percentile. `values` is
// not empty.
double Quantile(std::vector<double> values, double q);

// 95% percentile intervals of each value over `samples` resamples with replacement. Sample i
// depends on (seed, i) only.
std::vector<Interval> BootstrapIntervals(const StatTable& table, const Aggregate& aggregate,
                                         int samples, uint64_t seed);

struct PairedDifference {
  double difference = 0;  // system - baseline, over all rows
  Interval interval;      // 95% percentile interval of the difference
  double p_value = 1;     // chance of so large a difference between equal systems
};

// (1 + c) / (1 + samples), where c counts the resampled differences d with |d| - mean of all |d| >=
// |observed|: the paired bootstrap test of sacreBLEU 2.6 (significance.py), after Riezler and
// Maxwell 2005, "On some pitfalls in automatic evaluation and significance testing for MT". Ties
// count here, so that a system against itself has p = 1; sacreBLEU leaves them out and gives it
// 1 / (1 + samples). Where one system is clearly ahead this is the one-sided tail.
double PairedPValue(const std::vector<double>& differences, double observed);

// Both tables hold the same rows in the same order; each resample draws the same rows from both
// (Koehn 2004).
std::vector<PairedDifference> PairedBootstrap(const StatTable& system, const StatTable& baseline,
                                              const Aggregate& aggregate, int samples,
                                              uint64_t seed);

}  // namespace regroup
