// Ids and scores of the engine against transformers' generate (make_decode_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/json.h"
#include "decode/engine.h"
#include "golden/decode/decode_models.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;

struct Case {
  std::string name;
  T5Config config;
  StateDict weights;
  std::vector<Ids> sources, ids;
  std::vector<double> scores, margins;
  int64_t max_length = 0;
  DecodeConfig options;
};

std::vector<Case> ReadCases() {
  const absl::StatusOr<Json> file =
      ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/decode_golden.json");
  EXPECT_TRUE(file.ok()) << file.status();
  std::vector<Case> cases;
  for (const Json& json : (*file)["models"]) {
    Case c;
    c.name = json["name"];
    c.config = ReadConfig(json);
    c.weights = FormulaWeights(json, c.config);
    c.sources = json["sources"].get<std::vector<Ids>>();
    c.ids = json["ids"].get<std::vector<Ids>>();
    c.scores = json["scores"].get<std::vector<double>>();
    c.margins = json["margins"].get<std::vector<double>>();
    c.max_length = json["new"];
    c.options.length_penalty = json["penalty"];
    cases.push_back(std::move(c));
  }
  EXPECT_EQ(cases.size(), 4u);
  return cases;
}

struct Comparison {
  int64_t rows = 0, near_ties = 0, wrong_ids = 0;
  double score_error = 0;  // largest, over rows with equal ids
};

// Rows whose own margin in the reference is below 1e-4 are counted and left out.
Comparison Compare(const Case& c, const std::vector<Hypothesis>& got) {
  Comparison result;
  for (size_t i = 0; i < c.sources.size(); ++i) {
    ++result.rows;
    if (c.margins[i] < 1e-4) {
      ++result.near_ties;
    } else if (got[i].ids != c.ids[i]) {
      ++result.wrong_ids;
    } else {
      result.score_error = std::max(result.score_error, std::abs(got[i].score - c.scores[i]));
    }
  }
  return result;
}

Comparison DecodeAndCompare(const Case& c, at::ScalarType compute) {
  const auto engine = Engine::Create(c.config, c.weights, compute);
  auto got = engine->Generate(c.sources, c.max_length, c.options, nullptr);
  EXPECT_TRUE(got.ok()) << got.status();
  return Compare(c, *got);
}

TEST(GreedyGolden, IdsAndScoresEqualTransformersInFp32) {
  for (const Case& c : ReadCases()) {
    const Comparison result = DecodeAndCompare(c, at::kFloat);
    EXPECT_EQ(result.wrong_ids, 0) << c.name;
    EXPECT_LE(result.score_error, 1e-5) << c.name;
    EXPECT_LE(result.near_ties, 2) << c.name;
    RecordProperty("near ties in " + c.name, static_cast<int>(result.near_ties));
  }
}

TEST(GreedyGolden, IdsAndScoresEqualTransformersInFp64) {
  for (const Case& c : ReadCases()) {
    const Comparison result = DecodeAndCompare(c, at::kDouble);
    EXPECT_EQ(result.wrong_ids, 0) << c.name;
    EXPECT_LE(result.score_error, 1e-5) << c.name;
  }
}

TEST(GreedyGolden, BatchingByLengthGivesTheSameIds) {
  for (const Case& c : ReadCases()) {
    const auto engine = Engine::Create(c.config, c.weights, at::kFloat);
    std::vector<Hypothesis> got(c.sources.size());
    DecodeConfig options = c.options;
    options.batch_tokens = 300;
    const absl::Status status = GenerateAll(*engine, c.sources, c.max_length, options, nullptr,
                                            [&](size_t row, Hypothesis hypothesis) {
                                              got[row] = std::move(hypothesis);
                                              return absl::OkStatus();
                                            });
    ASSERT_TRUE(status.ok()) << status;
    const Comparison result = Compare(c, got);
    EXPECT_EQ(result.wrong_ids, 0) << c.name;
    EXPECT_LE(result.score_error, 1e-5) << c.name;
  }
}

TEST(GreedyGolden, RowsEndAtManyDifferentSteps) {
  for (const Case& c : ReadCases()) {
    std::vector<size_t> lengths;
    for (const Ids& row : c.ids) lengths.push_back(row.size());
    std::sort(lengths.begin(), lengths.end());
    lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
    EXPECT_GE(lengths.size(), 6u) << c.name;
  }
}

// Controls: each of these mistakes must be seen.

TEST(GreedyGoldenControl, AMissingOrExtraHeadFactorChangesTheScores) {
  for (Case c : ReadCases()) {
    c.config.scale_decoder_outputs = !c.config.scale_decoder_outputs;
    EXPECT_GT(DecodeAndCompare(c, at::kDouble).score_error, 1e-2) << c.name;
  }
}

TEST(GreedyGoldenControl, QueryHeadsOfStridedGroupsChangeTheIds) {
  for (Case c : ReadCases()) {
    if (c.config.kv_heads.cross[0] != 2) continue;
    for (const char* part : {"q", "o"}) {  // heads 0 1 2 3 -> 0 2 1 3
      at::Tensor& w = c.weights[CrossPrefix(0) + "." + part + ".weight"];
      const bool columns = std::string(part) == "o";
      const at::Tensor heads = (columns ? w.t() : w).reshape({4, c.config.d_kv, -1});
      const at::Tensor swapped = heads.index_select(0, at::tensor({0, 2, 1, 3}, at::kLong));
      const at::Tensor flat = swapped.reshape({4 * c.config.d_kv, -1});
      w = (columns ? flat.t() : flat).contiguous();
    }
    EXPECT_GT(DecodeAndCompare(c, at::kDouble).wrong_ids, 0) << c.name;
  }
}

TEST(GreedyGoldenControl, AnotherLengthPenaltyChangesTheScores) {
  for (Case c : ReadCases()) {
    c.options.length_penalty = *c.options.length_penalty + 0.5;
    EXPECT_GT(DecodeAndCompare(c, at::kDouble).score_error, 1e-3) << c.name;
  }
}

TEST(GreedyGoldenControl, AWrongRelativeDistanceChangesTheIds) {
  Case c = ReadCases()[1];  // 160 steps: distances past the last bucket
  c.config.relative_attention_max_distance = 64;
  EXPECT_GT(DecodeAndCompare(c, at::kDouble).wrong_ids, 0);
}

}  // namespace
}  // namespace regroup
