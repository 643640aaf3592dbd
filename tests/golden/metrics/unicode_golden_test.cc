// Python's view of text for every code point there is (made by make_unicode_golden.py), each with a
// control that must fail: the same comparison with another class.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "golden/metrics/strings.h"
#include "metrics/rouge.h"
#include "metrics/unicode.h"

namespace regroup {
namespace {

constexpr char32_t kEnd = 0x110000;
using Class = std::function<bool(char32_t)>;

const Json& Golden() {
  static const auto& golden =
      *new Json(ReadJsonFile(REGROUP_GOLDEN_DIR "/unicode_golden.json").value());
  return golden;
}

// One flag per code point, from the distances between the ends of ranges.
std::vector<bool> Members(const std::string& name) {
  std::vector<bool> members(kEnd);
  size_t at = 0;
  bool inside = false;
  for (const Json& gap : Golden()[name]) {
    const size_t end = at + gap.get<size_t>();
    for (; at < end; ++at) members[at] = inside;
    inside = !inside;
  }
  return members;
}

bool IsSurrogate(char32_t c) { return c >= 0xD800 && c < 0xE000; }

// How many code points of `among` (all when empty) `is` puts on another side than the golden set.
int PointsOff(const std::string& name, const Class& is, const std::vector<bool>& among = {}) {
  const std::vector<bool> expected = Members(name);
  int off = 0;
  for (char32_t c = 0; c < kEnd; ++c) {
    if (IsSurrogate(c) || (!among.empty() && !among[c])) continue;
    if (is(c) != expected[c]) ++off;
  }
  return off;
}

TEST(UnicodeGolden, ClassesEqualPythonAndRegexAtEveryCodePoint) {
  EXPECT_EQ(PointsOff("space", IsSpace), 0);
  EXPECT_EQ(PointsOff("punctuation", IsPunctuation), 0);
  EXPECT_EQ(PointsOff("symbol", IsSymbol), 0);
  EXPECT_EQ(PointsOff("number", IsNumber), 0);
  EXPECT_GT(PointsOff("punctuation", IsSymbol), 5000);  // control
  EXPECT_GT(PointsOff("space", IsNumber), 1000);        // control
}

TEST(UnicodeGolden, WordCharactersEqualPythonsWhereItKnowsThem) {
  const std::vector<bool> known = Members("known");
  EXPECT_EQ(PointsOff("word", IsWord, known), 0);
  EXPECT_GT(PointsOff("word", IsNumber, known), 100000);  // control
}

TEST(UnicodeGolden, AFinalSigmaIsFoundAfterEveryCodePointThatPythonKnows) {
  const std::vector<bool> known = Members("known");
  const auto after_letter_and = [](char32_t c) {
    return Lower(std::u32string{U'a', c, U'\u03A3'}).back() == U'\u03C2';
  };
  const auto after = [](char32_t c) {
    return Lower(std::u32string{c, U'\u03A3'}).back() == U'\u03C2';
  };
  EXPECT_EQ(PointsOff("sigma_after_letter_and", after_letter_and, known), 0);
  EXPECT_EQ(PointsOff("sigma_after", after, known), 0);
  EXPECT_GT(PointsOff("sigma_after", after_letter_and, known), 1000);  // control
}

TEST(UnicodeGolden, LowerCaseEqualsPythonsAtEveryCodePoint) {
  std::vector<std::u32string> expected(kEnd);
  for (char32_t c = 0; c < kEnd; ++c) expected[c] = std::u32string(1, c);
  int64_t at = 0;
  for (const Json& pair : Golden()["lower"]) {
    at += pair[0].get<int64_t>();
    std::u32string lower;
    for (size_t i = 1; i < pair.size(); ++i)
      lower.push_back(static_cast<char32_t>(at + pair[i].get<int64_t>()));
    expected[static_cast<size_t>(at)] = lower;
  }
  EXPECT_GT(Golden()["lower"].size(), 1000U);  // control: a Lower that does nothing is seen
  for (char32_t c = 0; c < kEnd; ++c) {
    if (IsSurrogate(c)) continue;
    ASSERT_EQ(Lower(std::u32string(1, c)), expected[c]) << std::hex << uint32_t{c};
  }
}

// ROUGE reads bytes, for speed: what it takes for letters is what the lower case of text has.
TEST(UnicodeGolden, RougeTokensAreTheRunsOfAsciiLettersAndDigitsOfTheLowerCase) {
  int letters = 0;
  for (char32_t c = 0; c < kEnd; ++c) {
    if (IsSurrogate(c)) continue;
    std::vector<std::string> expected(1, "x");
    for (const char32_t l : Lower(std::u32string{c, U'y'})) {
      const bool keeps = (l >= U'a' && l <= U'z') || (l >= U'0' && l <= U'9');
      if (keeps) expected.back().push_back(static_cast<char>(l));
      if (!keeps && !expected.back().empty()) expected.emplace_back();
    }
    if (expected.size() == 1) ++letters;
    ASSERT_EQ(RougeTokens("x" + golden::Utf8(c) + "y", false), expected) << std::hex << uint32_t{c};
  }
  EXPECT_EQ(letters, 26 + 26 + 10 + 1);  // and the Kelvin sign
}

}  // namespace
}  // namespace regroup
