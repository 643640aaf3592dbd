// Pickles written by hand: what a state dict needs is read, bombs and damage are refused.
#include "formats/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace regroup {
namespace {

using ::testing::HasSubstr;
using Kind = PickleValue::Kind;

constexpr std::string_view kGlobals[] = {"collections.OrderedDict", "a.f"};

std::string Protocol2(const std::string& operations) { return "\x80\x02" + operations; }

absl::StatusOr<Pickle> Read(const std::string& bytes) { return ReadPickle(bytes, kGlobals, "x"); }

// The error of reading these operations under protocol 2 ("" if they are read).
std::string ErrorOf(const std::string& operations) {
  const std::string bytes = Protocol2(operations);
  const auto pickle = Read(bytes);
  if (pickle.ok()) return "";
  EXPECT_EQ(ExitCode(pickle.status()), 2);
  return std::string(pickle.status().message());
}

std::string Text(const std::string& text) {
  return std::string("X") + static_cast<char>(text.size()) + std::string(3, '\0') + text;
}

TEST(Pickle, NumbersHaveTheirSignAndWidth) {
  const auto number = [](const std::string& operation) {
    const std::string bytes = Protocol2(operation + ".");
    return Read(bytes).value().root.number;
  };
  EXPECT_EQ(number("K\xff"), 255);
  EXPECT_EQ(number("M\xff\xff"), 65535);
  EXPECT_EQ(number("J\xff\xff\xff\xff"), -1);
  EXPECT_EQ(number(std::string("\x8a\x00", 2)), 0);
  EXPECT_EQ(number("\x8a\x01\xff"), -1);
  EXPECT_EQ(number(std::string("\x8a\x05\x00\x00\x00\x00\x01", 7)), int64_t{1} << 32);
  const std::string wide = Protocol2("\x8a\x09" + std::string(9, '\x01') + ".");
  EXPECT_EQ(Read(wide)->root.kind, Kind::kLong);
}

TEST(Pickle, ItsEndIsKnownWhereSomethingFollows) {
  const std::string bytes = Protocol2("N.") + "rest";
  EXPECT_EQ(Read(bytes).value().bytes, 4U);
}

TEST(Pickle, AnOrderedDictIsADictAndItsAttributesAreDropped) {
  const std::string bytes = Protocol2("ccollections\nOrderedDict\n)Rq\x01(" + Text("k") +
                                      "K\x05u}" + Text("_metadata") + "h\x01sb.");
  const auto pickle = Read(bytes);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  EXPECT_EQ(pickle->root.kind, Kind::kDict);
  const auto& items = pickle->Items(pickle->root);
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].text, "k");
  EXPECT_EQ(items[1].number, 5);
}

TEST(Pickle, ACallIsKeptAsDataWithItsArguments) {
  const std::string bytes = Protocol2("ca\nf\nK\x07\x85R.");
  const auto pickle = Read(bytes);
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  ASSERT_EQ(pickle->root.kind, Kind::kCall);
  const auto& call = pickle->Items(pickle->root);
  EXPECT_EQ(call[0].text, "a.f");
  EXPECT_EQ(pickle->Items(call[1])[0].number, 7);
}

TEST(Pickle, AStrangeGlobalIsNamedByEitherOperation) {
  EXPECT_THAT(ErrorOf("cposix\nsystem\n" + Text("touch x") + "\x85R."),
              AllOf(HasSubstr("posix.system"), HasSubstr("executes nothing")));
  EXPECT_THAT(ErrorOf(Text("builtins") + Text("eval") + "\x93."), HasSubstr("builtins.eval"));
  EXPECT_THAT(ErrorOf("ca\nf.g\n."), HasSubstr("a.f.g"));
}

TEST(Pickle, OperationsBeyondStateDictsAreRefused) {
  // NEWOBJ, INST, OBJ, EXT1, PERSID, the text operations of protocol 0, buffers of protocol 5.
  for (const char* operation : {"\x81", "i", "o", "\x82", "P", "I", "S", "\x97", "\x8f", "\xff"}) {
    EXPECT_THAT(ErrorOf(std::string("K\x01") + operation + "."), HasSubstr("is none that a state"));
  }
  EXPECT_THAT(ErrorOf("\x80\x06N."), HasSubstr("protocol 6"));
  const auto old = Read("(dp0\n.");
  EXPECT_THAT(std::string(old.status().message()), HasSubstr("no pickle of protocol 2 to 5"));
}

TEST(Pickle, ClaimsOfLengthAreCheckedBeforeTheyAreBelieved) {
  EXPECT_THAT(ErrorOf("X\xff\xff\xff\xff"
                      "abc."),
              HasSubstr("ends too early"));
  EXPECT_THAT(ErrorOf("\x8d" + std::string(8, '\xff') + "abc."), HasSubstr("ends too early"));
  EXPECT_THAT(ErrorOf("\x95" + std::string(8, '\xff') + "N."), HasSubstr("claims a frame"));
  EXPECT_THAT(ErrorOf("\x8a\xff"
                      "abc."),
              HasSubstr("ends too early"));
  EXPECT_EQ(ErrorOf("Nr\xff\xff\xff\xff."), "") << "a large number of the memo takes no memory";
}

TEST(Pickle, BrokenStacksAreRefused) {
  for (const char* operations : {".",
                                 "t.",
                                 "\x85.",
                                 "(\x85.",
                                 "K\x01"
                                 "K\x02.",
                                 "(N.",
                                 "a.",
                                 "Na.",
                                 "s.",
                                 "}K\x01s.",
                                 "NNs.",
                                 "u.",
                                 "(u.",
                                 "}(K\x01u.",
                                 "]((K\x01.",
                                 "e.",
                                 "R.",
                                 "NNR.",
                                 "b.",
                                 "NNb.",
                                 "Q.",
                                 "\x94.",
                                 "q\x01.",
                                 "h\x01.",
                                 "\x93.",
                                 "NN\x93.",
                                 "c",
                                 "ca",
                                 "ca\nf",
                                 "}(K\x01"
                                 "K\x02s."}) {
    EXPECT_NE(ErrorOf(operations), "") << operations;
  }
}

TEST(Pickle, NestingAndCirclesCostNoStack) {
  const std::string deep = Protocol2(")" + std::string(1'000'000, '\x85') + ".");
  const auto nested = Read(deep);
  ASSERT_TRUE(nested.ok()) << nested.status();
  EXPECT_EQ(nested->objects.size(), 1'000'001U);
  EXPECT_EQ(ErrorOf("}q\x01" + Text("me") + "h\x01s."), "");
  EXPECT_EQ(ErrorOf("]q\x01h\x01"
                    "a."),
            "");
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '(') + "."), HasSubstr("lacks its operands"));
}

TEST(Pickle, TooLongAPickleIsRefused) {
  EXPECT_THAT(ErrorOf(std::string(kLongestPickle, ')')), HasSubstr("is longer than 2097152 bytes"));
}

}  // namespace
}  // namespace regroup
