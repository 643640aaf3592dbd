// The three forms of a table, and text that is fit for a page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/data_table.h"
#include "report/printable.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = Column::Kind;

DataTable Example() {
  return {"quality",
          "Scores <of> models",
          {{"run", "run", Kind::kFilesOnly},
           {"model", "model"},
           {"score", "score", Kind::kNumber},
           {"score_interval", "95 %", Kind::kInterval}},
          {{Cell::Of("a"), Cell::Of("M,\"1\""), Cell::Of(31.26, 1), Cell::Interval(30, 32.5, 1)},
           {Cell::Of("a"), Cell::Of("M,\"1\""), Cell::Of(std::nan(""), 1), {}}}};
}

TEST(TableCsv, QuotesAndLeavesUnknownValuesEmpty) {
  EXPECT_EQ(TableCsv(Example()),
            "run,model,score,score_interval_low,score_interval_high\n"
            "a,\"M,\"\"1\"\"\",31.26,30.0,32.5\n"
            "a,\"M,\"\"1\"\"\",,,\n");
}

TEST(TableJson, HoldsTheSameValuesUnrounded) {
  const Json json = TableJson(Example());
  EXPECT_EQ(json["generator"], kGenerator);
  EXPECT_EQ(json["rows"][0]["score"], 31.26);
  EXPECT_EQ(json["rows"][0]["score_interval_high"], 32.5);
  EXPECT_TRUE(json["rows"][1]["score"].is_null());
}

TEST(TableHtml, EscapesRoundsAndSaysWhatRepeatsOnce) {
  const std::string html = TableHtml(Example());
  EXPECT_THAT(html, HasSubstr("Scores &lt;of&gt; models"));
  EXPECT_THAT(html, HasSubstr("31.3"));
  EXPECT_THAT(html, HasSubstr("30.0 to 32.5"));
  EXPECT_THAT(html, Not(HasSubstr(">run<"))) << "a column for files only is shown";
  EXPECT_EQ(html.find("M,&quot;1&quot;"), html.rfind("M,&quot;1&quot;"));
}

TEST(Cell, SaysCountsSharesBytesAndTimes) {
  EXPECT_EQ(Cell::Of(int64_t{1234567}).shown, "1,234,567");
  EXPECT_EQ(Cell::Percent(0.025).shown, "2.5 %");
  EXPECT_EQ(Cell::Bytes(84e6).shown, "84 MB");
  EXPECT_EQ(Cell::Seconds(245).shown, "4:05");
  EXPECT_EQ(Cell::Ratio(1.4).shown, "1.40\xC3\x97");
  EXPECT_TRUE(Cell::Count(std::nan("")).value.is_null());
}

TEST(EscapeHtml, LetsNothingOut) {
  EXPECT_EQ(EscapeHtml("<script>\"a\" & 'b'</script>"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
  EXPECT_EQ(EscapeHtml("a\tb\n"), "a\tb\n");
  EXPECT_EQ(EscapeHtml(std::string("\x01\x7F\0", 3)), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(EscapeHtml("\xC2\x9B"
                       "2J"),
            "\xEF\xBF\xBD"
            "2J");
}

TEST(ToUtf8, MendsWhatIsNoUtf8) {
  EXPECT_EQ(ToUtf8("a\xFF"
                   "b\xC3"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(ToUtf8("\xC3\xA4"), "\xC3\xA4");
}

TEST(OneLine, SteersNoTerminal) { EXPECT_EQ(OneLine("a\x1B[2J\nb\xC2\x9B"), "a [2J b "); }

TEST(Shorten, CountsCharacters) {
  EXPECT_EQ(Shorten("\xC3\xA4\xC3\xB6\xC3\xBC", 3), "\xC3\xA4\xC3\xB6\xC3\xBC");
  EXPECT_EQ(Shorten("\xC3\xA4\xC3\xB6\xC3\xBC", 2), "\xC3\xA4\xE2\x80\xA6");
  EXPECT_EQ(Shorten("abc", 0), "");
}

}  // namespace
}  // namespace regroup
