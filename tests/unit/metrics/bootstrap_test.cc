// Percentile and paired bootstrap: against statistics that are known in closed form.
#include "metrics/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/random.h"
#include "metrics/scored_rows.h"

namespace regroup {
namespace {

constexpr int kSamples = 1000;

// `rows` rows of 0 or 1 with the given share of ones.
StatTable Coins(int64_t rows, double share) {
  StatTable table{1, {}};
  for (int64_t i = 0; i < rows; ++i)
    table.cells.push_back(static_cast<double>(i) < share * static_cast<double>(rows));
  return table;
}

TEST(Quantile, InterpolatesBetweenNeighboursLikeNumpy) {
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.025), 1.075);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 1.0), 4);
  EXPECT_DOUBLE_EQ(Quantile({7}, 0.975), 7);
}

TEST(BootstrapIntervals, OfAShareAreAsWideAsTheBinomialSays) {
  const StatTable table = Coins(400, 0.3);
  const Interval interval = BootstrapIntervals(table, MeanPercent, kSamples, 7).front();
  const double half_width = 1.96 * 100 * std::sqrt(0.3 * 0.7 / 400);
  EXPECT_NEAR(interval.first, 30 - half_width, 0.8);
  EXPECT_NEAR(interval.second, 30 + half_width, 0.8);
}

TEST(BootstrapIntervals, DependOnTheSeedAndOnNothingElse) {
  const StatTable table = Coins(101, 0.4);
  const auto first = BootstrapIntervals(table, MeanPercent, 200, 1);
  EXPECT_EQ(first, BootstrapIntervals(table, MeanPercent, 200, 1));
  EXPECT_NE(first, BootstrapIntervals(table, MeanPercent, 200, 2));
}

TEST(BootstrapIntervals, OfEqualRowsCloseOnTheValue) {
  const StatTable table{1, {0.5, 0.5, 0.5}};
  EXPECT_EQ(BootstrapIntervals(table, MeanPercent, 50, 0).front(), Interval(50, 50));
}

// Systems of 300 rows; the second is right where the first is, and on `more` rows besides.
std::pair<StatTable, StatTable> TwoSystems(int more) {
  StatTable baseline{1, {}};
  StatTable system{1, {}};
  for (int i = 0; i < 300; ++i) {
    baseline.cells.push_back(i < 150 ? 1 : 0);
    system.cells.push_back(i < 150 + more ? 1 : 0);
  }
  return {system, baseline};
}

TEST(PairedPValue, CountsDifferencesBeyondTheirMeanAndOneMore) {
  // |d| - 2: -1, 0, 1, 0, 0; as large as 1: one of five.
  EXPECT_DOUBLE_EQ(PairedPValue({1, 2, -3, 2, -2}, -1), 2.0 / 6);
  EXPECT_DOUBLE_EQ(PairedPValue({1, 2, -3, 2, -2}, 1.5), 1.0 / 6);
  EXPECT_DOUBLE_EQ(PairedPValue({0, 0, 0}, 0), 1);
}

TEST(PairedBootstrap, SeesASmallDifferenceThatUnpairedIntervalsHide) {
  const auto [system, baseline] = TwoSystems(12);
  const Interval a = BootstrapIntervals(system, MeanPercent, kSamples, 3).front();
  const Interval b = BootstrapIntervals(baseline, MeanPercent, kSamples, 3).front();
  EXPECT_LT(a.first, b.second);  // apart, the two overlap

  const PairedDifference paired =
      PairedBootstrap(system, baseline, MeanPercent, kSamples, 3).front();
  EXPECT_NEAR(paired.difference, 4.0, 1e-9);
  EXPECT_GT(paired.interval.first, 1.5);
  EXPECT_LT(paired.interval.second, 6.5);
  EXPECT_LT(paired.p_value, 0.01);
}

TEST(PairedBootstrap, FindsNothingBetweenASystemAndItself) {
  const StatTable table = Coins(50, 0.5);
  const PairedDifference paired = PairedBootstrap(table, table, MeanPercent, 100, 3).front();
  EXPECT_EQ(paired.difference, 0);
  EXPECT_EQ(paired.interval, Interval(0, 0));
  EXPECT_EQ(paired.p_value, 1);
}

TEST(PairedBootstrap, CallsANoisyTieNoDifference) {
  StatTable first{1, {}};
  StatTable second{1, {}};
  CounterRng rng(5, RandomPurpose::kTest, 0);
  for (int i = 0; i < 300; ++i) {
    first.cells.push_back(static_cast<double>(rng.Below(2)));
    second.cells.push_back(i % 2);
  }
  EXPECT_GT(PairedBootstrap(first, second, MeanPercent, kSamples, 3).front().p_value, 0.05);
}

}  // namespace
}  // namespace regroup
