// The choice of heads under a budget: the knapsack against all combinations.
#include "calibrate/kv_budget.h"

#include <gtest/gtest.h>

#include "core/random.h"

namespace regroup {
namespace {

// Errors that fall with the heads, drawn.
std::vector<AttentionOptions> Drawn(uint64_t seed, size_t count) {
  CounterRng rng(seed, RandomPurpose::kTest, 0);
  std::vector<AttentionOptions> attentions(count);
  for (size_t i = 0; i < count; ++i) {
    double error = static_cast<double>(rng.Below(1000)) / 100;
    for (const int64_t heads : {1, 2, 4, 8}) {
      attentions[i].options.push_back(
          {heads, heads * (i % 2 == 0 ? 20 : 50), heads == 8 ? 0 : error});
      error *= 0.2 + static_cast<double>(rng.Below(60)) / 100;
    }
  }
  return attentions;
}

double ErrorOf(const std::vector<AttentionOptions>& attentions, const std::vector<size_t>& picks,
               int64_t* bytes) {
  double error = 0;
  *bytes = 0;
  for (size_t i = 0; i < picks.size(); ++i) {
    error += attentions[i].options[picks[i]].error;
    *bytes += attentions[i].options[picks[i]].bytes;
  }
  return error;
}

// The least error of all combinations within `room`; -1 if none is.
double Least(const std::vector<AttentionOptions>& attentions, int64_t room) {
  double least = -1;
  size_t all = 1;
  for (const AttentionOptions& attention : attentions) all *= attention.options.size();
  for (size_t code = 0; code < all; ++code) {
    std::vector<size_t> picks;
    size_t rest = code;
    for (const AttentionOptions& attention : attentions) {
      picks.push_back(rest % attention.options.size());
      rest /= attention.options.size();
    }
    int64_t bytes = 0;
    const double error = ErrorOf(attentions, picks, &bytes);
    if (bytes <= room && (least < 0 || error < least)) least = error;
  }
  return least;
}

TEST(KvBudget, TheChoiceIsTheBestOfAllCombinations) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const std::vector<AttentionOptions> attentions = Drawn(seed, 6);
    for (const int64_t room : {210, 300, 420, 777, 1680}) {
      const auto picks = PickWithin(attentions, room);
      ASSERT_TRUE(picks.has_value());
      int64_t bytes = 0;
      EXPECT_NEAR(ErrorOf(attentions, *picks, &bytes), Least(attentions, room), 1e-12)
          << seed << " " << room;
      EXPECT_LE(bytes, room);
    }
  }
}

TEST(KvBudget, NoChoiceWhereOneHeadEverywhereTakesMore) {
  EXPECT_FALSE(PickWithin(Drawn(1, 6), 209).has_value());
  EXPECT_FALSE(PickWithin({}, 100).has_value());
}

}  // namespace
}  // namespace regroup
