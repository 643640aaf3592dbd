// One sentence's beams over made-up log-probabilities.
#include "decode/beam_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/random.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;
constexpr int64_t kEos = 1, kVocab = 6;

// Log-probabilities that depend on all that came before.
std::vector<double> LogProbs(const Ids& ids) {
  uint64_t key = 17;
  for (const int32_t id : ids) key = key * 31 + static_cast<uint64_t>(id) + 1;
  CounterRng rng(key, RandomPurpose::kTest, ids.size());
  std::vector<double> values;
  double sum = 0;
  for (int64_t i = 0; i < kVocab; ++i) {
    values.push_back(4 * static_cast<double>(rng.Below(1000)) / 1000);
    sum += std::exp(values.back());
  }
  for (double& value : values) value -= std::log(sum);
  return values;
}

std::vector<double> LogProbsOf(const std::vector<Beam>& beams) {
  std::vector<double> all;
  for (const Beam& beam : beams) {
    const std::vector<double> one = LogProbs(beam.ids);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

struct Searched {
  Hypothesis best;
  int64_t steps = 0;
};

Searched Search(const BeamRules& rules, int64_t n_best = 1) {
  SentenceBeams beams(rules);
  Searched result;
  for (; !beams.done(); ++result.steps) {
    const std::vector<double> log_prob = LogProbsOf(beams.running());
    const auto count = static_cast<size_t>(2 * rules.beams);
    beams.Take(BestContinuations(beams.running(), log_prob.data(), kVocab, count));
  }
  result.best = beams.Best(n_best);
  return result;
}

// All outputs of at most `left` more tokens, scored.
void Enumerate(const BeamRules& rules, Ids ids, double sum, std::vector<Hypothesis>& all) {
  const std::vector<double> log_prob = LogProbs(ids);
  ids.push_back(0);
  for (int32_t id = 0; id < kVocab; ++id) {
    ids.back() = id;
    const double total = sum + log_prob[static_cast<size_t>(id)];
    const auto n = static_cast<int64_t>(ids.size());
    if (id == kEos || n == rules.max_length) {
      all.push_back({ids, total / LengthDivisor(rules, n), id != kEos});
    } else {
      Enumerate(rules, ids, total, all);
    }
  }
}

TEST(SentenceBeams, FindsTheBestOutputsOfAllWhenItsBeamsHoldThemAll) {
  for (const double penalty : {-1.0, 0.0, 0.6, 1.0, 2.0}) {
    for (const LengthNorm norm : {LengthNorm::kHuggingFace, LengthNorm::kT5x}) {
      BeamRules rules{800, 4, kEos, EarlyStopping::kNever, norm, penalty};
      std::vector<Hypothesis> all;
      Enumerate(rules, {}, 0, all);
      std::sort(all.begin(), all.end(),
                [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
      const Hypothesis best = Search(rules, 5).best;
      EXPECT_EQ(best.ids, all[0].ids) << penalty;
      EXPECT_NEAR(best.score, all[0].score, 1e-12);
      ASSERT_EQ(best.others.size(), 4u);
      for (size_t i = 0; i < 4; ++i) EXPECT_EQ(best.others[i].ids, all[i + 1].ids) << penalty;
    }
  }
}

TEST(SentenceBeams, ControlOneBeamDoesNotFindIt) {
  BeamRules rules{1, 4, kEos, EarlyStopping::kNever, LengthNorm::kHuggingFace, 0};
  const double narrow = Search(rules).best.score;
  rules.beams = 800;
  EXPECT_LT(narrow, Search(rules).best.score - 1e-6);
}

// Two beams over the ids 0 to 5, step by step: what each early_stopping does when both places are
// taken.
std::vector<Continuation> Steps(double first, double end, double going) {
  return {{0, kEos, end}, {0, 2, going}, {0, 3, first}, {0, 4, first - 1}};
}

TEST(SentenceBeams, StopsAsTheRuleSays) {
  for (const auto& [early, steps] : std::vector<std::pair<EarlyStopping, int>>{
           {EarlyStopping::kTrue, 2}, {EarlyStopping::kFalse, 3}, {EarlyStopping::kNever, 4}}) {
    SentenceBeams beams({2, 9, kEos, early, LengthNorm::kHuggingFace, 1});
    // Hypotheses of -1 / 1 and -2 / 2; the beams that go on are at -1.9, then -3.6, then -9.9.
    const std::vector<double> ends = {-1, -2, -30, -31}, going = {-1.5, -1.9, -3.6, -9.9};
    int taken = 0;
    while (!beams.done()) {
      const auto i = static_cast<size_t>(taken++);
      ASSERT_LT(i, ends.size());
      std::vector<Continuation> best = Steps(going[i] - 0.5, ends[i], going[i]);
      std::stable_sort(best.begin(), best.end(),
                       [](const auto& a, const auto& b) { return a.score > b.score; });
      beams.Take(best);
    }
    EXPECT_EQ(taken, steps) << static_cast<int>(early);
  }
}

TEST(SentenceBeams, AnEndBehindTheFirstBeamsIsDropped) {
  SentenceBeams beams({2, 9, kEos, EarlyStopping::kTrue, LengthNorm::kHuggingFace, 1});
  beams.Take({{0, 2, -1}, {0, 3, -2}, {0, kEos, -3}, {0, 4, -4}});
  EXPECT_EQ(beams.running()[0].ids, (Ids{2}));
  EXPECT_EQ(beams.running()[1].ids, (Ids{3}));
  beams.Take({{1, kEos, -2.5}, {0, 2, -2.6}, {0, kEos, -2.7}, {1, 3, -2.8}});
  EXPECT_EQ(beams.running()[0].parent, 0);
  EXPECT_EQ(beams.running()[1].ids, (Ids{3, 3}));
  EXPECT_EQ(beams.running()[1].parent, 1);
  EXPECT_EQ(beams.Best(2).ids, (Ids{3, kEos}));
  EXPECT_TRUE(beams.Best(2).others.empty());
}

TEST(SentenceBeams, BeamsThatReachTheLimitAreScoredAtTheirLength) {
  BeamRules rules{3, 2, /*eos=*/-1, EarlyStopping::kFalse, LengthNorm::kHuggingFace, 2};
  const Hypothesis best = Search(rules, 3).best;
  EXPECT_EQ(best.ids.size(), 2u);
  EXPECT_TRUE(best.at_length_limit);
  EXPECT_EQ(best.others.size(), 2u);
  const double sum = LogProbs({})[static_cast<size_t>(best.ids[0])] +
                     LogProbs({best.ids[0]})[static_cast<size_t>(best.ids[1])];
  EXPECT_NEAR(best.score, sum / 4, 1e-12);
}

TEST(SentenceBeams, LogProbabilitiesThatAreNoNumbersGiveNoHypothesis) {
  SentenceBeams beams({2, 9, kEos, EarlyStopping::kFalse, LengthNorm::kHuggingFace, 1});
  const std::vector<float> nan(2 * kVocab, std::numeric_limits<float>::quiet_NaN());
  const auto best = BestContinuations(beams.running(), nan.data(), kVocab, 4);
  EXPECT_TRUE(best.empty());
  beams.Take(best);
  EXPECT_TRUE(beams.done());
  EXPECT_TRUE(std::isnan(beams.Best(2).score));
}

TEST(BestContinuations, OfEqualsTakesTheLowerBeamThenTheLowerId) {
  const std::vector<Beam> running = {{{2}, -1, 0}, {{3}, -1, 0}};
  const std::vector<float> log_prob = {-3, -2, -2, -9, -2, -3, -2, -3, -3, -9, -9, -2};
  std::vector<std::pair<int64_t, int32_t>> places;
  for (const Continuation& c : BestContinuations(running, log_prob.data(), kVocab, 4))
    places.emplace_back(c.beam, c.id);
  EXPECT_EQ(places, (std::vector<std::pair<int64_t, int32_t>>{{0, 1}, {0, 2}, {0, 4}, {1, 0}}));
}

TEST(LengthDivisor, IsHuggingFacesOrT5x) {
  EXPECT_DOUBLE_EQ(LengthDivisor({.length_penalty = 2}, 3), 9);
  EXPECT_DOUBLE_EQ(LengthDivisor({.length_penalty = 0}, 3), 1);
  EXPECT_DOUBLE_EQ(LengthDivisor({.length_norm = LengthNorm::kT5x, .length_penalty = 2}, 7), 4);
  EXPECT_DOUBLE_EQ(LengthDivisor({.length_norm = LengthNorm::kT5x, .length_penalty = 0.6}, 1), 1);
}

}  // namespace
}  // namespace regroup
