// Core: errors, JSON, files, counter-based random numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/fields.h"
#include "core/files.h"
#include "core/foreign.h"
#include "core/json.h"
#include "core/log.h"
#include "core/near_path.h"
#include "core/random.h"
#include "core/status.h"
#include "core/stop.h"

namespace regroup {
namespace {

std::string TestFolder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/regroup_core_" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

// Known answers of Philox4x32-10 from the Random123 distribution (kat_vectors).
TEST(Random, PhiloxGivesThePublishedKnownAnswers) {
  EXPECT_EQ(Philox({0, 0, 0, 0}, 0),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t f = 0xffffffff;
  EXPECT_EQ(Philox({f, f, f, f}, ~0ULL),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822ULL),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, TheSameKeyGivesTheSameDrawsAndAnyOtherKeyOthers) {
  const auto first = [](uint64_t seed, RandomPurpose purpose, uint64_t position, uint32_t layer) {
    CounterRng rng(seed, purpose, position, layer);
    return rng.Next();
  };
  const uint32_t base = first(1, RandomPurpose::kTest, 2, 3);
  EXPECT_EQ(base, first(1, RandomPurpose::kTest, 2, 3));
  EXPECT_NE(base, first(2, RandomPurpose::kTest, 2, 3));
  EXPECT_NE(base, first(1, RandomPurpose::kDropout, 2, 3));
  EXPECT_NE(base, first(1, RandomPurpose::kTest, 3, 3));
  EXPECT_NE(base, first(1, RandomPurpose::kTest, 2, 4));
}

TEST(Random, DrawsHaveTheMomentsOfTheirLaws) {
  CounterRng rng(7, RandomPurpose::kTest, 0);
  double sum = 0, sum_of_squares = 0, uniform = 0;
  std::array<int, 5> counts{};
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double x = rng.Normal();
    sum += x;
    sum_of_squares += x * x;
    uniform += rng.Uniform();
    ++counts[rng.Below(5)];
  }
  EXPECT_NEAR(sum / n, 0.0, 0.02);
  EXPECT_NEAR(sum_of_squares / n, 1.0, 0.03);
  EXPECT_NEAR(uniform / n, 0.5, 0.01);
  for (const int count : counts) EXPECT_NEAR(count, n / 5, 600);
}

TEST(Random, APermutationHoldsEveryNumberOnce) {
  CounterRng rng(3, RandomPurpose::kTest, 1);
  std::vector<int64_t> order = rng.Permutation(1000);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(Json, SyntaxErrorsAndDuplicateKeysNameThePlace) {
  const auto broken = ParseJson("{\"a\": }", "x.json");
  ASSERT_FALSE(broken.ok());
  EXPECT_EQ(ExitCode(broken.status()), 2);
  EXPECT_NE(broken.status().message().find("x.json"), absl::string_view::npos);
  const auto twice = ParseJson("{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}", "x.json");
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.status().message().find("\"c\" stands twice"), absl::string_view::npos);
  EXPECT_TRUE(ParseJson("{\"a\": {\"c\": 1}, \"b\": {\"c\": 1}}", "x.json").ok());
}

std::string JsonError(const std::string& text) {
  const auto parsed = ParseJson(text, "x");
  EXPECT_EQ(ExitCode(parsed.status()), 2) << text;
  return std::string(parsed.status().message());
}

TEST(Json, SyntaxErrorsSayWhereAndWhatWasExpectedInPlainWords) {
  EXPECT_EQ(JsonError("{\"a\": }"),
            "x: not valid JSON (column 7): unexpected '}'; expected '[', '{', or a literal");
  EXPECT_EQ(JsonError("{\n \"a\" 1}"),
            "x: not valid JSON (line 2, column 6): unexpected number literal; expected ':'");
  EXPECT_EQ(JsonError("[1"), "x: not valid JSON (column 3): unexpected end of input; expected ']'");
  EXPECT_EQ(
      JsonError("\"\xFF\""),
      "x: not valid JSON (column 2): invalid string: ill-formed UTF-8 byte; expected a JSON value");
  EXPECT_EQ(JsonError("[1e999]"),
            "x: not valid JSON: a number is too large; expected at most 1.8e308");
}

TEST(Json, AnotherKindOfFileIsNamedWithWhatToDo) {
  EXPECT_EQ(JsonError(" \n"), "x: not valid JSON: it is empty");
  EXPECT_EQ(JsonError("<!DOCTYPE html>\n<html>"),
            "x: not valid JSON: it is a web page: the download failed, fetch the file again");
  EXPECT_NE(
      JsonError("version https://git-lfs.github.com/spec/v1\noid sha256:0").find("git lfs pull"),
      std::string::npos);
}

TEST(ForeignContent, KnowsFilesByTheirFirstBytes) {
  EXPECT_NE(ForeignContent("\n <HTML><head>").find("web page"), std::string::npos);
  EXPECT_NE(ForeignContent("\x1f\x8b\x08").find("gzip"), std::string::npos);
  EXPECT_NE(ForeignContent("\x28\xb5\x2f\xfd").find("zstd"), std::string::npos);
  EXPECT_NE(ForeignContent("PK\x03\x04").find("zip archive"), std::string::npos);
  EXPECT_NE(ForeignContent("\xff\xfe{").find("UTF-16"), std::string::npos);
  for (const char* own : {"", "\x1f", "{\"a\": 1}", "name: x", "<extra_id_0>"})
    EXPECT_EQ(ForeignContent(own), "") << own;
}

TEST(Json, DeepNestingIsRefusedBeforeAnythingIsBuilt) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseJson(nested(kDeepestJson), "x").ok());
  EXPECT_TRUE(ParseJson("\"" + std::string(1000, '[') + "\\\"[\"", "x").ok());
  for (const size_t depth : {size_t{kDeepestJson} + 1, size_t{100000}}) {
    EXPECT_NE(JsonError(nested(depth)).find("nested deeper than 100"), std::string::npos);
  }
}

TEST(Status, ANearWordIsSuggestedAndAFarOneIsNot) {
  const std::vector<std::string> words = {"learning_rate", "steps", "batch"};
  EXPECT_EQ(Nearest("learing_rate", words), "learning_rate");
  EXPECT_EQ(Nearest("stpes", words), "steps");
  EXPECT_EQ(Nearest("elephant", words), "");
}

TEST(Files, AnAtomicWriteReplacesTheOldContent) {
  const std::string path = TestFolder("atomic") + "/a.txt";
  ASSERT_TRUE(WriteFileAtomically(path, "one").ok());
  ASSERT_TRUE(WriteFileAtomically(path, "two").ok());
  EXPECT_EQ(ReadFile(path).value(), "two");
  EXPECT_FALSE(FileExists(path + ".partial"));
}

TEST(Files, AFolderAppearsWholeOrNotAtAll) {
  const std::string folder = TestFolder("publish");
  const absl::Status failed = PublishFolder(folder + "/out", [](const std::string& aside) {
    REGROUP_RETURN_IF_ERROR(WriteFileAtomically(aside + "/x", "1"));
    return RunError("x", "disk full");
  });
  EXPECT_FALSE(failed.ok());
  EXPECT_TRUE(ListFolder(folder).value().empty());
  ASSERT_TRUE(PublishFolder(folder + "/out/", [](const std::string& aside) {
                return WriteFileAtomically(aside + "/x", "1");
              }).ok());
  EXPECT_EQ(ListFolder(folder).value(), std::vector<std::string>{"out"});
}

TEST(Files, AnUnusablePlaceIsTheUsersFaultAndNothingIsLeftThere) {
  const std::string folder = TestFolder("places");
  std::ofstream(folder + "/file") << "x";
  for (const char* name : {"/file/below", "/missing/below", "/"}) {
    EXPECT_EQ(ExitCode(WriteFileAtomically(folder + name, "y")), 2) << name;
  }
  EXPECT_EQ(ListFolder(folder).value(), std::vector<std::string>{"file"});
  EXPECT_EQ(ExitCode(WriteError("x", "y", ENOSPC)), 1);
}

TEST(Files, NothingOfAPersonsIsReplacedBesideTheTarget) {
  const std::string folder = TestFolder("beside");
  std::ofstream(folder + "/a.partial") << "mine";
  ASSERT_TRUE(WriteFileAtomically(folder + "/a", "ours").ok());
  EXPECT_EQ(ReadFile(folder + "/a.partial").value(), "mine");
  std::filesystem::create_symlink(folder + "/a", folder + "/link");
  ASSERT_TRUE(WriteFileAtomically(folder + "/link", "through").ok());
  EXPECT_EQ(ReadFile(folder + "/a").value(), "through");
  ASSERT_TRUE(WriteFileAtomically("/dev/null", "gone").ok());
  EXPECT_FALSE(FileExists("/dev/null"));
}

TEST(Status, AnEmptyPlaceIsShownAsOne) {
  EXPECT_EQ(UserError("", "no such folder").message(), "\"\": no such folder");
}

TEST(Stop, ASignalThatWasIgnoredStaysIgnored) {
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGTERM, SIG_DFL);
  InstallStopHandlers();
  ::raise(SIGHUP);
  EXPECT_FALSE(StopRequested());
  std::signal(SIGHUP, SIG_DFL);
  InstallStopHandlers();
  ::raise(SIGHUP);
  EXPECT_EQ(StopSignal(), SIGHUP);
  RequestStop(0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, SIG_DFL);
}

TEST(Files, HashesTellContentsApart) {
  const std::string path = TestFolder("hash") + "/a";
  ASSERT_TRUE(WriteFileAtomically(path, "content").ok());
  EXPECT_EQ(HashFile(path).value(), HashBytes("content"));
  EXPECT_NE(HashBytes("content"), HashBytes("contenT"));
  EXPECT_FALSE(HashFile(path + "x").ok());
}

struct Inner {
  double rate = 0.5;
  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("rate", "a rate"), c.rate);
  }
};
struct Outer {
  int64_t steps = 3;
  std::optional<std::string> name;
  std::map<std::string, Inner> parts = {{"a", {}}};
  int64_t log_every = 10;
  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("steps", "steps"), c.steps);
    v(Field("name", "name"), c.name);
    v(Field("parts", "parts"), c.parts);
    v(Field("log_every", "log").NoResult(), c.log_every);
  }
};

TEST(Fields, AConfigWritesItsFieldsAndTheHashedFormLeavesOutWhatChangesNoResult) {
  EXPECT_EQ(DumpJson(ConfigToJson(Outer{})),
            R"({"steps":3,"name":null,"parts":{"a":{"rate":0.5}},"log_every":10})");
  EXPECT_EQ(DumpJson(ConfigToJson(Outer{}, true)),
            R"({"steps":3,"name":null,"parts":{"a":{"rate":0.5}}})");
}

TEST(Log, NumbersReadAsAPersonWritesThem) {
  EXPECT_EQ(FormatDuration(12.34), "12.3 s");
  EXPECT_EQ(FormatDuration(245), "4:05");
  EXPECT_EQ(FormatDuration(3723), "1:02:03");
  EXPECT_EQ(FormatBytes(1500000), "1.5 MB");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(-1234), "-1,234");
}

TEST(DidYouMeanPath, NamesTheNearestPathOrTheMissingFolder) {
  const std::string root = JoinPath(testing::TempDir(), "near_path");
  ASSERT_TRUE(MakeFolders(root + "/runs/a").ok());
  ASSERT_TRUE(WriteFileAtomically(root + "/runs/a/x.jsonl", "").ok());
  const auto hint = [&](const std::string& path) { return DidYouMeanPath(root + path); };
  EXPECT_EQ(hint("/runs/b/"), " (did you mean \"" + root + "/runs/a\"?)");
  EXPECT_EQ(hint("/rusn/a/x.jsonl"), " (did you mean \"" + root + "/runs/a/x.jsonl\"?)");
  EXPECT_EQ(hint("/rusn/a/other"), " (did you mean \"" + root + "/runs\"?)");
  EXPECT_EQ(hint("/something/else"), " (there is no folder " + root + "/something)");
  EXPECT_EQ(hint("/quite-another"), "");
  EXPECT_EQ(hint("/runs"), "");
}

}  // namespace
}  // namespace regroup
