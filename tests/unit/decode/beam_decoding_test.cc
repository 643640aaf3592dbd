// Beam search through the engine: the caches, and that rows do not see each other.
#include "decode/beam_decoding.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "unit/decode/engine_fixture.h"

namespace regroup {
namespace {

std::vector<Ids> AllIds(const Hypothesis& hypothesis) {
  std::vector<Ids> ids = {hypothesis.ids};
  for (const Hypothesis& other : hypothesis.others) ids.push_back(other.ids);
  return ids;
}

// The decoder's logits after any reordering are those of a decoder that was fed the beams' own
// histories.
TEST(DecoderBeams, SeeTheirOwnPastsAfterEveryReordering) {
  constexpr int64_t kRows = 2, kBeams = 3, kSteps = 12;
  for (const KvHeads& heads : {KvHeads{{8, 8}, {8, 8}, {8, 8}}, KvHeads{{8, 8}, {2, 1}, {1, 4}}}) {
    const T5Config config = MakeConfig({"", true, heads});
    const PackedWeights packed = PackWeights(config, MakeWeights(config), at::kDouble);
    const std::vector<Ids> sources = MakeRows({9, 4}, 1);
    const c10::InferenceMode inference;
    const at::Tensor encoded = EncodeRows(packed, sources);
    DecoderState beams(packed, encoded, FindLengthRuns(sources), kSteps, kBeams);
    CounterRng rng(1, RandomPurpose::kTest, 0);
    std::vector<Ids> pasts(kRows * kBeams);
    at::Tensor logits;
    for (int64_t t = 0; t < kSteps; ++t) {
      at::Tensor ids = at::zeros({kRows * kBeams}, at::kLong), parents = at::zeros_like(ids);
      std::vector<Ids> next;
      for (int64_t i = 0; i < kRows * kBeams; ++i) {
        const int64_t parent = i / kBeams * kBeams + static_cast<int64_t>(rng.Below(kBeams));
        parents[i] = parent;
        ids[i] = static_cast<int64_t>(2 + rng.Below(126));
        next.push_back(pasts[static_cast<size_t>(parent)]);
        next.back().push_back(ids[i].item<int32_t>());
      }
      pasts = next;
      beams.ReorderBeams(parents);
      logits = beams.Step(ids);
    }
    for (size_t i = 0; i < pasts.size(); ++i) {
      const std::vector<Ids> source = {sources[i / kBeams]};
      DecoderState alone(packed, EncodeRows(packed, source), FindLengthRuns(source), kSteps);
      at::Tensor expected;
      for (const int32_t id : pasts[i]) expected = alone.Step(at::full({1}, id, at::kLong));
      const double error =
          (expected[0] - logits[static_cast<int64_t>(i)]).abs().max().item<double>();
      EXPECT_LT(error, 1e-10 * expected.abs().max().item<double>()) << i;
    }
  }
}

TEST(BeamDecoding, RowsDoNotDependOnTheirNeighboursOrTheirOrder) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kDouble);
  const std::vector<Hypothesis> together = Decode(*engine, m.sources, 20, Beams(4));
  const std::vector<Ids> backwards(m.sources.rbegin(), m.sources.rend());
  const std::vector<Hypothesis> reversed = Decode(*engine, backwards, 20, Beams(4));
  std::set<size_t> lengths;
  for (size_t i = 0; i < m.sources.size(); ++i) {
    const Hypothesis alone = Decode(*engine, {m.sources[i]}, 20, Beams(4))[0];
    EXPECT_EQ(AllIds(together[i]), AllIds(alone)) << i;
    EXPECT_EQ(AllIds(reversed[m.sources.size() - 1 - i]), AllIds(alone)) << i;
    EXPECT_NEAR(together[i].score, alone.score, 1e-10) << i;
    lengths.insert(alone.ids.size());
  }
  EXPECT_GE(lengths.size(), 3u) << "the model must make the batch shrink";
}

TEST(BeamDecoding, GivesTheSameIdsWithOneThreadAndWithTwo) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kFloat);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const std::vector<Hypothesis> one = Decode(*engine, m.sources, 20, Beams(3));
  at::set_num_threads(2);
  const std::vector<Hypothesis> two = Decode(*engine, m.sources, 20, Beams(3));
  at::set_num_threads(before);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(AllIds(one[i]), AllIds(two[i])) << i;
    EXPECT_NEAR(one[i].score, two[i].score, 1e-5) << i;
  }
}

TEST(BeamDecoding, ScoresAreTheSumsOfTheDecodersLogProbabilities) {
  const EndingModel m({{8, 8}, {1, 1}, {1, 1}});
  const auto engine = Engine::Create(m.config, m.weights, at::kDouble);
  DecodeConfig options = Beams(4);
  options.length_penalty = 0.7;
  for (const Hypothesis& h : Decode(*engine, {m.sources[1]}, 20, options)) {
    at::Tensor input = at::zeros({1, static_cast<int64_t>(h.ids.size())}, at::kLong);
    for (size_t t = 1; t < h.ids.size(); ++t) input[0][static_cast<int64_t>(t)] = h.ids[t - 1];
    const std::vector<Ids> source = {m.sources[1]};
    const at::Tensor log_prob = at::log_softmax(engine->ForcedLogits(source, input)[0], -1);
    double sum = 0;
    for (size_t t = 0; t < h.ids.size(); ++t)
      sum += log_prob[static_cast<int64_t>(t)][h.ids[t]].item<double>();
    EXPECT_NEAR(h.score, sum / std::pow(static_cast<double>(h.ids.size()), 0.7), 1e-10);
  }
}

TEST(BeamDecoding, OneBeamObeysTheRulesOfTokensToo) {
  const EndingModel m;
  const auto engine = Engine::Create(m.config, m.weights, at::kFloat);
  DecodeConfig options;
  options.min_length = 5;
  options.no_repeat_ngram_size = 1;
  options.forced_bos_token_id = 77;
  options.forced_eos_token_id = 1;
  for (const Hypothesis& h : Decode(*engine, m.sources, 20, options)) {
    EXPECT_EQ(h.ids[0], 77);
    EXPECT_EQ(h.ids.back(), 1);
    EXPECT_GT(h.ids.size(), 5u);
    EXPECT_EQ(std::set<int32_t>(h.ids.begin(), h.ids.end()).size(), h.ids.size());
  }
}

TEST(BeamDecoding, WorksWithAVocabularySmallerThanTwiceTheBeams) {
  T5Config config = MakeConfig({"", true, {{8, 8}, {2, 2}, {2, 2}}});
  config.vocab_size = 5;
  const auto engine = Engine::Create(config, MakeWeights(config), at::kFloat);
  const Hypothesis best = Decode(*engine, {{2, 3, 4}}, 20, Beams(8))[0];
  EXPECT_FALSE(best.ids.empty());
  const std::vector<Ids> all = AllIds(best);
  EXPECT_EQ(std::set<Ids>(all.begin(), all.end()).size(), all.size());
}

}  // namespace
}  // namespace regroup
