// Word diffs: what is shared, what is more, what is missing and where.
#include "report/word_diff.h"

#include <gtest/gtest.h>

namespace regroup {
namespace {

// "[missing]" before its place, "+more+" around words of the output alone.
std::string Shown(const WordDiff& diff) {
  std::string shown;
  for (const DiffPart& part : diff.parts) {
    if (!part.missing.empty()) shown += "[" + part.missing + "]";
    if (!part.text.empty()) shown += part.shared ? part.text : "+" + part.text + "+";
    shown += "|";
  }
  return shown;
}

TEST(CompareWords, MarksWordsThatAreMoreAndPlacesOfMissingOnes) {
  EXPECT_EQ(Shown(CompareWords("the old cat sat", "the cat sat down")), "the|[old]cat sat|+down+|");
  EXPECT_EQ(Shown(CompareWords("a b", "a b")), "a b|");
  EXPECT_EQ(Shown(CompareWords("a b", "")), "[a b]|");
  EXPECT_EQ(Shown(CompareWords("", "x y")), "+x y+|");
  EXPECT_EQ(Shown(CompareWords("a b c", "a")), "a|[b c]|");
  EXPECT_EQ(Shown(CompareWords("", "")), "");
}

TEST(CompareWords, CountsWords) {
  const WordDiff diff = CompareWords("  the old\ncat ", "the\tcat cat");
  EXPECT_EQ(diff.shared_words, 2u);
  EXPECT_EQ(diff.reference_words, 3u);
  EXPECT_EQ(diff.output_words, 3u);
}

TEST(CompareWords, TheSharedWordsAreAlwaysBothTextsInOrder) {
  const std::string letters = "abc";
  for (int i = 0; i < 3000; ++i) {
    std::string reference, output;
    for (int j = 0, rest = i; j < 7; ++j, rest = rest * 7 + 3) {
      (j % 2 == 0 ? reference : output) +=
          std::string(1, letters[static_cast<size_t>(rest % 3)]) + " ";
    }
    const WordDiff diff = CompareWords(reference, output);
    size_t shared = 0, words = 0;
    for (const DiffPart& part : diff.parts) {
      const size_t count = (part.text.size() + 1) / 2;
      words += count;
      shared += part.shared ? count : 0;
    }
    EXPECT_EQ(shared, diff.shared_words);
    EXPECT_EQ(words, diff.output_words);
  }
}

TEST(WordOverlap, IsOneForEqualAndZeroForForeignTexts) {
  EXPECT_EQ(WordOverlap("a b", "a b"), 1);
  EXPECT_EQ(WordOverlap("", ""), 1);
  EXPECT_EQ(WordOverlap("a", ""), 0);
  EXPECT_EQ(WordOverlap("a b", "c d"), 0);
  EXPECT_DOUBLE_EQ(WordOverlap("a b c", "a c d"), 2.0 / 3);
}

}  // namespace
}  // namespace regroup
