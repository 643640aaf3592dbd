// Units, expansion and the YAML tree by themselves; docs/recipes.md is current; shipped recipes and
// tasks load.
#include <gmock/gmock.h>

#include "recipe/compose.h"
#include "recipe/describe.h"
#include "recipe/expand.h"
#include "recipe/units.h"
#include "recipe_fixture.h"

namespace regroup {
namespace {

using ::testing::ElementsAre;

TEST(Units, WholeNumbersTakeFactorsAndWords) {
  EXPECT_EQ(*ParseCount("800"), 800);
  EXPECT_EQ(*ParseCount("50k steps"), 50000);
  EXPECT_EQ(*ParseCount("50 steps"), 50);
  EXPECT_EQ(*ParseCount("10 GB"), 10000000000);
  EXPECT_EQ(*ParseCount("1.5M"), 1500000);
  EXPECT_EQ(*ParseCount("2 MiB"), 2097152);
  EXPECT_EQ(*ParseCount("1e3"), 1000);
  for (const char* bad : {"", "k", "1.5", "5 apples", "5%", "nan", "1e30", "0x10", "5 k k"}) {
    EXPECT_FALSE(ParseCount(bad).ok()) << bad;
  }
}

TEST(Units, NumbersTakePercent) {
  EXPECT_DOUBLE_EQ(*ParseNumber("5%"), 0.05);
  EXPECT_DOUBLE_EQ(*ParseNumber("2.5 %"), 0.025);
  EXPECT_DOUBLE_EQ(*ParseNumber("1e-3"), 1e-3);
  for (const char* bad : {"", "%", "nan", "inf", "5%%", "abc"})
    EXPECT_FALSE(ParseNumber(bad).ok()) << bad;
}

Node Expanded(const std::string& text, Problems& problems) {
  const Node root = ParseYaml(text, "x.yaml", problems);
  return ExpandStages(*root.Find("stages"), root.Find("for_each"), problems);
}

TEST(ForEach, SeveralVariablesGiveTheirProduct) {
  Problems problems;
  const Node stages = Expanded(
      "for_each: {v: {a: {n: 1}, b: {n: 2}}, t: [x, y]}\n"
      "stages:\n"
      "  \"{v}_{t}\": {k: \"{v.n}\", s: \"{t}-{v.n}\"}\n"
      "  all: {list: [first, \"{v}_{t}\", {of: \"{v}\"}]}\n",
      problems);
  EXPECT_TRUE(problems.empty()) << problems.ToStatus();
  EXPECT_THAT(stages.keys, ElementsAre("a_x", "b_x", "a_y", "b_y", "all"));
  EXPECT_EQ(
      NodeToJson(stages).dump(),
      R"({"a_x":{"k":1,"s":"x-1"},"b_x":{"k":2,"s":"x-2"},"a_y":{"k":1,"s":"y-1"},"b_y":{"k":2,"s":"y-2"},)"
      R"("all":{"list":["first","a_x","b_x","a_y","b_y",{"of":"a"},{"of":"b"}]}})");
}

TEST(ForEach, AFieldMayBeAWholeSection) {
  Problems problems;
  const Node stages = Expanded(
      "for_each: {v: {a: {g: {cross: 2}}}}\nstages: {\"{v}\": {k: \"{v.g}\"}}\n", problems);
  EXPECT_EQ(NodeToJson(stages).dump(), R"({"a":{"k":{"cross":2}}})");
}

TEST(ForEach, AVariableOfTheEnvironmentIsNoPlaceholder) {
  Problems problems;
  const Node stages =
      Expanded("for_each: {v: {a: {}}}\nstages: {\"{v}\": {k: \"${HOME}/{v}\"}}\n", problems);
  EXPECT_TRUE(problems.empty()) << problems.ToStatus();
  EXPECT_EQ(NodeToJson(stages).dump(), R"({"a":{"k":"${HOME}/a"}})");
}

TEST(ForEach, TwoVariantsOfOneNameAreAProblem) {
  Problems problems;
  Expanded("for_each: {v: {a: {n: 1}, b: {n: 1}}}\nstages: {\"s{v.n}\": {k: 1}}\n", problems);
  ASSERT_EQ(problems.list().size(), 1u);
  EXPECT_THAT(problems.list()[0].message, ::testing::HasSubstr("already stands"));
}

TEST(YamlTree, WritingAndReadingGivesTheSameTree) {
  Problems problems;
  const std::string text =
      "a: [1, \"1\", x y, \"{v}\", null, [], {}]\n\"k: k\": {n: -5, q: 'it''s', \"multi\": "
      "\"a\\nb\", e: \"\", t: \"true\"}\n"
      "l: [[1, 2], {a: 1}]\n";
  const Node tree = ParseYaml(text, "a.yaml", problems);
  const Node again = ParseYaml(WriteYaml(tree), "b.yaml", problems);
  EXPECT_TRUE(problems.empty()) << problems.ToStatus();
  EXPECT_EQ(NodeToJson(tree), NodeToJson(again));
}

// Each of these was once written so that it was not read back.
TEST(YamlTree, TextOfAnyKindIsReadBack) {
  const std::vector<std::string> texts = {"{}",
                                          "a: \"1\\f\"",
                                          "\"~\": 1",
                                          "\" 1\": 2",
                                          "\"null\": {\"...\": [\"- a\", \"a: b\"]}",
                                          "? " + std::string(2000, 'k') + "\n: 1"};
  for (const std::string& text : texts) {
    Problems problems;
    const Node tree = ParseYaml(text, "a.yaml", problems);
    const Node again = ParseYaml(WriteYaml(tree), "b.yaml", problems);
    EXPECT_TRUE(problems.empty()) << text << "\n" << problems.ToStatus();
    EXPECT_EQ(NodeToJson(tree), NodeToJson(again)) << text;
  }
}

TEST(YamlTree, WhiteSpaceIsNoPartOfANumber) {
  Problems problems;
  EXPECT_EQ(NodeToJson(ParseYaml("a: 1\f\n", "a.yaml", problems)).dump(), R"({"a":"1\f"})");
}

TEST(RecipeDocs, TheFileInDocsIsCurrent) {
  const auto text = ReadFile(std::string(REGROUP_SOURCE_DIR) + "/docs/recipes.md");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, RecipeDocs()) << "run: scripts/regroup docs recipes > docs/recipes.md";
}

TEST(ShippedFiles, EveryRecipeLoadsWithoutAProblem) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(REGROUP_SOURCE_DIR) + "/recipes")) {
    if (entry.path().extension() != ".yaml") continue;
    EXPECT_EQ(LoadRecipe(entry.path().string(), {}).problems.ToStatus().ToString(), "OK")
        << entry.path();
    ++count;
  }
  EXPECT_GE(count, 1);
}

TEST(ShippedFiles, EveryTaskFileAndPartLoads) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           std::string(REGROUP_SOURCE_DIR) + "/configs")) {
    if (entry.path().extension() != ".yaml") continue;
    Problems problems;
    if (entry.path().parent_path().filename() == "task") {
      ReadTaskFile(entry.path().string(), problems);
    } else {
      EXPECT_TRUE(LoadWithIncludes(entry.path().string(), problems).IsMap()) << entry.path();
    }
    EXPECT_EQ(problems.ToStatus().ToString(), "OK");
    ++count;
  }
  EXPECT_GE(count, 2);
}

}  // namespace
}  // namespace regroup
