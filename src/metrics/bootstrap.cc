// Percentile and paired bootstrap: see bootstrap.h.
#include "metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"
#include "core/status.h"

namespace regroup {
namespace {

constexpr double kLow = 0.025;
constexpr double kHigh = 0.975;

// The rows of resample `sample`, as many as there are, drawn with replacement.
std::vector<int64_t> DrawRows(int64_t rows, uint64_t seed, int sample) {
  CounterRng rng(seed, RandomPurpose::kBootstrap, static_cast<uint64_t>(sample));
  std::vector<int64_t> drawn(static_cast<size_t>(rows));
  for (int64_t& row : drawn) row = static_cast<int64_t>(rng.Below(static_cast<uint64_t>(rows)));
  return drawn;
}

std::vector<double> SumDrawn(const StatTable& table, const std::vector<int64_t>& drawn) {
  std::vector<double> sums(static_cast<size_t>(table.width));
  for (const int64_t row : drawn) {
    const double* cells = table.cells.data() + row * table.width;
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += cells[i];
  }
  return sums;
}

std::vector<double> ResampledValues(const StatTable& table, const Aggregate& aggregate,
                                    uint64_t seed, int sample) {
  return aggregate(SumDrawn(table, DrawRows(table.rows(), seed, sample)), table.rows());
}

// Turns samples x values into one vector of samples per value.
std::vector<std::vector<double>> ByValue(const std::vector<std::vector<double>>& by_sample) {
  std::vector<std::vector<double>> by_value(by_sample.front().size());
  for (const auto& sample : by_sample) {
    for (size_t i = 0; i < sample.size(); ++i) by_value[i].push_back(sample[i]);
  }
  return by_value;
}

}  // namespace

std::vector<double> SumRows(const StatTable& table) {
  std::vector<int64_t> all(static_cast<size_t>(table.rows()));
  std::iota(all.begin(), all.end(), 0);
  return SumDrawn(table, all);
}

double Quantile(std::vector<double> values, double q) {
  REGROUP_CHECK(!values.empty(), "quantile of nothing");
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(std::floor(at));
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (at - std::floor(at));
}

std::vector<Interval> BootstrapIntervals(const StatTable& table, const Aggregate& aggregate,
                                         int samples, uint64_t seed) {
  REGROUP_CHECK(table.rows() > 0 && samples > 0, "bootstrap needs rows and samples");
  std::vector<std::vector<double>> by_sample;
  for (int i = 0; i < samples; ++i) {
    by_sample.push_back(ResampledValues(table, aggregate, seed, i));
  }
  std::vector<Interval> intervals;
  for (const auto& values : ByValue(by_sample)) {
    intervals.emplace_back(Quantile(values, kLow), Quantile(values, kHigh));
  }
  return intervals;
}

double PairedPValue(const std::vector<double>& differences, double observed) {
  double mean = 0;
  for (const double d : differences) mean += std::abs(d) / static_cast<double>(differences.size());
  const auto as_large = std::count_if(differences.begin(), differences.end(), [&](double d) {
    return std::abs(d) - mean >= std::abs(observed);
  });
  return static_cast<double>(as_large + 1) / static_cast<double>(differences.size() + 1);
}

std::vector<PairedDifference> PairedBootstrap(const StatTable& system, const StatTable& baseline,
                                              const Aggregate& aggregate, int samples,
                                              uint64_t seed) {
  REGROUP_CHECK(system.rows() == baseline.rows() && system.width == baseline.width,
                "paired bootstrap needs the same rows twice");
  REGROUP_CHECK(system.rows() > 0 && samples > 0, "bootstrap needs rows and samples");
  std::vector<std::vector<double>> by_sample;
  for (int i = 0; i < samples; ++i) {
    std::vector<double> values = ResampledValues(system, aggregate, seed, i);
    const std::vector<double> other = ResampledValues(baseline, aggregate, seed, i);
    for (size_t v = 0; v < values.size(); ++v) values[v] -= other[v];
    by_sample.push_back(std::move(values));
  }
  const std::vector<double> of_system = aggregate(SumRows(system), system.rows());
  const std::vector<double> of_baseline = aggregate(SumRows(baseline), baseline.rows());
  std::vector<PairedDifference> result;
  for (const auto& values : ByValue(by_sample)) {
    const double observed = of_system[result.size()] - of_baseline[result.size()];
    result.push_back({observed,
                      {Quantile(values, kLow), Quantile(values, kHigh)},
                      PairedPValue(values, observed)});
  }
  return result;
}

}  // namespace regroup
