// Text tables and the comparison.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "report/comparison.h"
#include "report/table.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(TextTable, ColumnsAreAsWideAsTheirWidestCellAndCountCodePoints) {
  const TextTable table{{"a", "bb"},
                        {{"x", "1"}, {"\xC3\xA4\xC3\xB6\xC3\xBC", "22222"}, {"short"}}};
  EXPECT_EQ(FormatTable(table),
            "a         bb\n"
            "-----  -----\n"
            "x          1\n"
            "\xC3\xA4\xC3\xB6\xC3\xBC    22222\n"
            "short\n");
}

TEST(TextTable, TextStandsLeftAndNumbersRight) {
  const TextTable table{{"a", "text", "n"},
                        {{"x", "two words", "1.5 s"}, {"", "b", "-"}, {"", "", "12 s"}}};
  EXPECT_EQ(FormatTable(table),
            "a  text           n\n"
            "-  ---------  -----\n"
            "x  two words  1.5 s\n"
            "   b              -\n"
            "               12 s\n");
}

Json Row(const std::string& name, const std::string& label, double ms) {
  return Json{
      {"name", name},
      {"label", label},
      {"kv_heads", "2"},
      {"parameters", 1234567},
      {"kv_bytes_per_position", 512},
      {"tasks",
       {{"titles",
         {{"metric", "rouge1"},
          {"value", 31.26},
          {"interval", {30.0, 32.5}},
          {"shuffled", 8.0},
          {"shuffled_interval", {7.0, 9.0}},
          {"loss", 2.5}}}}},
      {"bench", {{"ms_per_sample", ms}, {"kv_bytes", 33554432}, {"step_ms", {{"median", 4.5}}}}}};
}

TEST(Comparison, ShowsQualitySpeedRecoveryAndThePapersFigures) {
  const Json ways = {{{"label", "GQA-2"},
                      {"stages", {"gqa_up"}},
                      {"parent", false},
                      {"points",
                       {{{"alpha", 0.0}, {"loss", 3.25}, {"above_parent", 0.5}, {"won_back", 0.0}},
                        {{"alpha", 0.05},
                         {"loss", nullptr},
                         {"above_parent", 0.125},
                         {"half_width", 0.01},
                         {"won_back", 0.75},
                         {"of_mean_gap", 0.8}}}}}};
  const Json comparison = {
      {"rows", {Row("parent", "MHA", 10.0), Row("gqa_up", "GQA-2", 4.0)}},
      {"bench", {{"batch", 64}, {"source", 512}, {"target", 32}, {"precision", "fp32"}}},
      {"recovery", {{"alphas", {0.0, 0.05}}, {"rows", Json::array()}, {"ways", ways}}}};
  const std::string text = ComparisonText(comparison);
  for (const char* part :
       {"31.3", "[30.0, 32.5]", "2.50x", "batch 64, 512 source tokens", "  5 %", "3.2500",
        "0.125 \xC2\xB1"
        "0.010",
        "75.0 %", "80.0 %", "1,234,567", "GQA-8-XXL", "0.28", "56.93"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Comparison, SaysSoWhereNothingWasTimed) {
  Json row = Row("parent", "MHA", 1.0);
  row["bench"] = nullptr;
  const std::string text =
      ComparisonText({{"rows", {row}}, {"bench", nullptr}, {"recovery", nullptr}});
  EXPECT_THAT(text, HasSubstr("not timed"));
  EXPECT_THAT(text, Not(HasSubstr("Recovery")));
}

}  // namespace
}  // namespace regroup
