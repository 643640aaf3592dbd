// Recovery: what is put together, what it is measured against, intervals.
#include "report/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace regroup {
namespace {

Json Points(const std::vector<double>& losses) {
  Json points = Json::array();
  for (size_t i = 0; i < losses.size(); ++i)
    points.push_back(
        {{"alpha", 0.05 * static_cast<double>(i)}, {"step", 10 * i}, {"loss", losses[i]}});
  return points;
}

RecoveryCurve Curve(const std::string& stage, const std::string& label, const std::string& from,
                    int64_t seed, const std::vector<double>& losses, const Json& teaching = nullptr,
                    const std::string& method = "mean") {
  const Json config = {
      {"from", from}, {"data_seed", seed}, {"alpha", 0.05}, {"distillation", teaching}};
  const bool merged = from != "parent";
  return MakeRecoveryCurve(stage, label, config, merged ? "convert" : "pretrain",
                           merged ? Json{{"method", method}, {"from", "parent"}} : Json(),
                           Points(losses));
}

TEST(RecoveryWays, AverageOverOrdersAgainstTheParentOnTheSameBatches) {
  const auto ways = RecoveryWays({Curve("parent_1", "MHA", "parent", 1, {4, 3.9}),
                                  Curve("parent_2", "MHA", "parent", 2, {4, 3.7}),
                                  Curve("mean_1", "MQA", "mean", 1, {5, 4.1}),
                                  Curve("mean_2", "MQA", "mean", 2, {5, 4.0}),
                                  Curve("svd_1", "MQA", "svd", 1, {4.1, 3.95}, nullptr, "svd")});
  ASSERT_EQ(ways.size(), 3U);
  EXPECT_TRUE(ways[0].parent && ways[0].stages.size() == 2);
  EXPECT_EQ(ways[1].label, "MQA mean");
  EXPECT_EQ(ways[2].label, "MQA svd");
  const WayPoint& last = ways[1].points[1];
  EXPECT_NEAR(last.loss, 4.05, 1e-12);
  EXPECT_NEAR(last.above, 0.25, 1e-12);  // 0.2 and 0.3
  EXPECT_NEAR(last.half_width, 12.706 * 0.1 / std::sqrt(2) / std::sqrt(2), 1e-9);
  EXPECT_NEAR(last.won_back, 0.75, 1e-12);
  EXPECT_NEAR(ways[2].points[1].above, 0.05, 1e-12);
  EXPECT_TRUE(std::isnan(ways[2].points[1].half_width));
  EXPECT_NEAR(ways[2].points[1].won_back, 0.5, 1e-12);
  EXPECT_NEAR(ways[2].points[1].of_mean_gap, 0.95, 1e-12);
  EXPECT_TRUE(std::isnan(ways[0].points[1].above));
}

TEST(RecoveryWays, WhoLearnedFromATeacherIsMeasuredAgainstAParentThatDidToo) {
  const Json taught = {{"teacher", "parent"}, {"weight", 0.5}};
  const std::vector<RecoveryCurve> curves = {Curve("plain_parent", "MHA", "parent", 1, {4, 3.9}),
                                             Curve("taught", "MQA", "mean", 1, {5, 4}, taught)};
  EXPECT_TRUE(std::isnan(RecoveryWays(curves)[1].points[1].above));
  std::vector<RecoveryCurve> both = curves;
  both.push_back(Curve("taught_parent", "MHA", "parent", 1, {4, 3.8}, taught));
  const auto ways = RecoveryWays(both);
  EXPECT_NEAR(ways[1].points[1].above, 0.2, 1e-12);
  EXPECT_EQ(ways[0].label, "MHA plain_parent");
}

TEST(RecoveryWays, OtherBatchesAreNoReference) {
  const auto ways = RecoveryWays(
      {Curve("parent_up", "MHA", "parent", 2, {4, 3.9}), Curve("up", "MQA", "mean", 1, {5, 4})});
  EXPECT_TRUE(std::isnan(ways[1].points[0].above) && std::isnan(ways[1].points[1].won_back));
  EXPECT_EQ(RecoveryWaysJson(ways)[1]["points"][0]["above_parent"], Json());
}

TEST(RecoveryWays, AnotherParentIsNoReference) {
  const auto ways = RecoveryWays(
      {MakeRecoveryCurve("other_up", "MHA", {{"from", "other"}, {"data_seed", 1}}, "pretrain",
                         Json(), Points({9, 9})),
       Curve("parent_up", "MHA", "parent", 1, {4, 3.9}), Curve("up", "MQA", "mean", 1, {5, 4})});
  EXPECT_NEAR(ways[2].points[0].above, 1, 1e-12);
}

TEST(RecoveryWays, AMergeThatCostNothingHasNothingToWinBack) {
  const auto ways = RecoveryWays({Curve("parent_up", "MHA", "parent", 1, {4, 3.9}),
                                  Curve("up", "MQA", "mean", 1, {3.9, 3.8})});
  EXPECT_TRUE(std::isnan(ways[1].points[1].won_back));
}

}  // namespace
}  // namespace regroup
