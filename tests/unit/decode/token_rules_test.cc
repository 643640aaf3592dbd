// Forbidden and forced tokens.
#include "decode/token_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;
constexpr int64_t kStart = 0, kEos = 1, kLongest = 6;

// The ids of a vocabulary of 8 that stay allowed; a forced one must count 0, the others what they
// did.
Ids Allowed(const DecodeConfig& options, const Ids& ids, float expected = -2) {
  std::vector<float> log_prob(8, -2);
  TokenRules(options, kLongest, kStart, kEos).Apply<float>(ids, log_prob);
  Ids allowed;
  for (int32_t id = 0; id < 8; ++id) {
    const float value = log_prob[static_cast<size_t>(id)];
    if (std::isinf(value)) continue;
    EXPECT_EQ(value, expected) << id;
    allowed.push_back(id);
  }
  return allowed;
}

Ids AllBut(const Ids& forbidden) {
  Ids ids;
  for (int32_t id = 0; id < 8; ++id) {
    if (std::find(forbidden.begin(), forbidden.end(), id) == forbidden.end()) ids.push_back(id);
  }
  return ids;
}

TEST(TokenRules, WithoutOptionsForbidNothing) {
  EXPECT_FALSE(TokenRules({}, kLongest, kStart, kEos).any());
  EXPECT_EQ(Allowed({}, {2, 2, 2}), AllBut({}));
}

TEST(TokenRules, TheEndComesAfterTheLeastNumberOfOtherTokens) {
  DecodeConfig options;
  options.min_length = 2;
  EXPECT_EQ(Allowed(options, {}), AllBut({1}));
  EXPECT_EQ(Allowed(options, {5}), AllBut({1}));
  EXPECT_EQ(Allowed(options, {5, 6}), AllBut({}));
}

TEST(TokenRules, NoNGramOccursTwice) {
  DecodeConfig options;
  options.no_repeat_ngram_size = 2;
  EXPECT_EQ(Allowed(options, {}), AllBut({}));
  EXPECT_EQ(Allowed(options, {2, 3, 2, 4, 2}), AllBut({3, 4}));
  EXPECT_EQ(Allowed(options, {2, 2}), AllBut({2}));
  EXPECT_EQ(Allowed(options, {5, 0}), AllBut({5})) << "the start token, 0, was followed by 5";
  options.no_repeat_ngram_size = 3;
  EXPECT_EQ(Allowed(options, {2, 3, 4, 2, 3}), AllBut({4}));
  EXPECT_EQ(Allowed(options, {2, 3, 4, 3, 2}), AllBut({}));
  options.no_repeat_ngram_size = 1;
  EXPECT_EQ(Allowed(options, {2, 3}), AllBut({0, 2, 3}));
  options.no_repeat_ngram_size = 100;
  EXPECT_EQ(Allowed(options, {2, 2, 2}), AllBut({}));
}

TEST(TokenRules, AForcedTokenIsTheOnlyOneAndCountsNothing) {
  DecodeConfig options;
  options.forced_bos_token_id = 7;
  options.forced_eos_token_id = 1;
  options.min_length = 6;
  EXPECT_EQ(Allowed(options, {}, 0), Ids{7});
  EXPECT_EQ(Allowed(options, {7}), AllBut({1}));
  EXPECT_EQ(Allowed(options, {7, 2, 3, 4, 5}, 0), Ids{1}) << "over the minimum";
}

}  // namespace
}  // namespace regroup
