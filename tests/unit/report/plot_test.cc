// Ticks, smoothing, thinning, and figures of data that plots break on.
#include "report/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/plot_scale.h"

namespace regroup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const double kGap = std::nan("");

TEST(NiceTicks, AreRoundAndInsideTheRange) {
  EXPECT_THAT(NiceTicks(0, 800, 5), ElementsAre(0, 200, 400, 600, 800));
  EXPECT_THAT(NiceTicks(4.52, 6.38, 4), ElementsAre(5, 5.5, 6));
  EXPECT_THAT(NiceTicks(-1, 1, 4), ElementsAre(-1, -0.5, 0, 0.5, 1));
  EXPECT_THAT(NiceTicks(3, 3, 5), ElementsAre(3));
  EXPECT_LE(NiceTicks(1e17, std::nextafter(1e17, 2e17), 5).size(), 21u);
  for (const double scale : {1e-7, 1e-3, 1.0, 1e9}) {
    const std::vector<double> ticks = NiceTicks(0.13 * scale, 0.97 * scale, 5);
    EXPECT_GE(ticks.size(), 3u) << scale;
    EXPECT_LE(ticks.size(), 9u) << scale;
    EXPECT_GE(ticks.front(), 0.13 * scale * (1 - 1e-6));
    EXPECT_LE(ticks.back(), 0.97 * scale * (1 + 1e-6));
  }
}

TEST(LogTicks, HaveTwosAndFivesWhereTheRangeIsShort) {
  EXPECT_THAT(LogTicks(1, 10), ElementsAre(1, 2, 5, 10));
  EXPECT_THAT(LogTicks(1, 1e4), ElementsAre(1, 10, 100, 1000, 10000));
  EXPECT_LE(LogTicks(1e-300, INFINITY).size(), 8u);
}

TEST(TickText, HasTheDecimalsThatItsNeighboursNeed) {
  EXPECT_EQ(TickText(0.05, 0.01), "0.05");
  EXPECT_EQ(TickText(0.5, 0.25), "0.5");
  EXPECT_EQ(TickText(1000, 500), "1,000");
  EXPECT_EQ(TickText(20000, 10000), "20k");
  EXPECT_EQ(TickText(2e6, 1e6), "2M");
  EXPECT_EQ(TickText(0, 0.5), "0.0");
  EXPECT_EQ(TickText(0.00002, 0.00001), "2e-05");
}

TEST(Smooth, TakesTheMeanAroundEachPointAndPullsNoEnd) {
  EXPECT_THAT(Smooth({1, 5, 3}, 2), ElementsAre(1, 3, 3));
  EXPECT_THAT(Smooth({7}, 10), ElementsAre(7));
  EXPECT_TRUE(Smooth({}, 3).empty());
  const std::vector<double> with_gap = Smooth({1, kGap, 3}, 3);
  EXPECT_EQ(with_gap[0], 1);
  EXPECT_TRUE(std::isnan(with_gap[1]));
}

TEST(Thin, KeepsTheShapeOfMoreThanItsColumns) {
  Points points;
  for (int i = 0; i < 100000; ++i) {
    points.x.push_back(i);
    points.y.push_back(i == 77777 ? 50 : std::sin(i));
  }
  const Points thin = Thin(points, 300);
  EXPECT_LE(thin.x.size(), 4u * 301);
  EXPECT_GE(thin.x.size(), 300u);
  EXPECT_THAT(thin.y, ::testing::Contains(50)) << "a spike is lost";
  EXPECT_TRUE(std::is_sorted(thin.x.begin(), thin.x.end()));
  EXPECT_EQ(thin.x.back(), 99999);
  points.y[5] = kGap;
  EXPECT_TRUE(std::isnan(Thin(points, 300).y[1])) << "a gap is lost";
}

TEST(RangeOf, HoldsForNoneOneAndEqualValues) {
  EXPECT_EQ(RangeOf({}, 0.1).low, 0);
  EXPECT_EQ(RangeOf({kGap}, 0.1).high, 1);
  EXPECT_LT(RangeOf({5}, 0.1).low, RangeOf({5}, 0.1).high);
  EXPECT_LT(RangeOf({0, 0}, 0.1).low, RangeOf({0, 0}, 0.1).high);
  EXPECT_NEAR(RangeOf({0, kGap, 10}, 0.1).high, 11, 1e-12);
}

LinePlot PlotOf(std::vector<double> x, std::vector<double> y) {
  LinePlot plot;
  plot.title = "loss <of> a & b";
  plot.x_title = "step";
  plot.y_title = "loss";
  plot.series.push_back({"MHA", std::move(x), std::move(y), 0, 0, true, true});
  return plot;
}

TEST(LinePlotFigure, DrawsLineMarksAndLabelAndEscapesWhatItIsGiven) {
  const std::string html = LinePlotFigure(PlotOf({0, 1, 2}, {3, 2, 1}));
  for (const char* part :
       {"<figcaption>loss &lt;of&gt; a &amp; b</figcaption>", "<title>", "<desc>",
        "class=\"line s0 d0\"", "class=\"mark s0 d0\"", ">MHA</text>", "MHA: step 2, loss 1"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_THAT(html, Not(HasSubstr("legend")));
}

TEST(LinePlotFigure, SaysSoWithoutAPoint) {
  EXPECT_THAT(LinePlotFigure(PlotOf({}, {})), HasSubstr("No data."));
  EXPECT_THAT(LinePlotFigure(PlotOf({0, 1}, {kGap, INFINITY})), HasSubstr("No data."));
  LinePlot log = PlotOf({0, 1}, {0, -1});
  log.y_log = true;
  EXPECT_THAT(LinePlotFigure(log), HasSubstr("No data."));
}

TEST(LinePlotFigure, NeverWritesWhatIsNoNumber) {
  for (const auto& y : std::vector<std::vector<double>>{{5, 5, 5},
                                                        {0, 0, 0},
                                                        {1, kGap, 3},
                                                        {kGap, 2, kGap},
                                                        {1e300, -1e300, 0},
                                                        {1e-300, 2e-300, 3e-300}}) {
    for (const bool log : {false, true}) {
      LinePlot plot = PlotOf({7, 7, 7}, y);
      plot.y_log = log;
      const std::string html = LinePlotFigure(plot);
      EXPECT_THAT(html, Not(HasSubstr("nan")));
      EXPECT_THAT(html, Not(HasSubstr("inf")));
    }
  }
}

TEST(LinePlotFigure, AGapParts) {
  const std::string html = LinePlotFigure(PlotOf({0, 1, 2, 3}, {1, kGap, 2, 3}));
  const size_t path = html.find("class=\"line");
  const std::string line = html.substr(path, html.find("/>", path) - path);
  EXPECT_EQ(std::count(line.begin(), line.end(), 'M'), 2) << line;
  EXPECT_THAT(line, HasSubstr("h0")) << "the lone first point is not drawn";
}

TEST(LinePlotFigure, LongNamesStandInALegend) {
  LinePlot plot = PlotOf({0, 1}, {1, 2});
  plot.series[0].label = "a name that is too long to stand beside";
  EXPECT_THAT(LinePlotFigure(plot), HasSubstr("<ul class=\"legend\">"));
}

TEST(BarPlotFigure, DrawsBarsToScaleAndHoldsForZeros) {
  const std::string html =
      BarPlotFigure({"K/V", "", {{"MHA", "84 MB", 84, 0}, {"MQA", "21 MB", 21, 1}}});
  EXPECT_THAT(html, HasSubstr("h280.0"));
  EXPECT_THAT(html, HasSubstr("h70.0"));
  EXPECT_THAT(BarPlotFigure({"K/V", "", {{"MHA", "0 B", 0, 0}}}), Not(HasSubstr("nan")));
  EXPECT_THAT(BarPlotFigure({"K/V", "", {}}), HasSubstr("No data."));
}

}  // namespace
}  // namespace regroup
