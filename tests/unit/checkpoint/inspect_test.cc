// What inspection derives: statistics of values, groups of tensors, histories.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "checkpoint/provenance.h"
#include "checkpoint/tensor_statistics.h"

namespace regroup {
namespace {

TEST(TensorStatistics, CountsWhatIsNotFiniteAndWhatNarrowerTypesLose) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  const at::Tensor tensor = at::tensor({3.0F, -4.0F, nan, infinity, -infinity, 1e5F, 1e-9F});
  const TensorStatistics found = StatisticsOf(tensor);
  EXPECT_EQ(found.count, 7);
  EXPECT_EQ(found.nan, 1);
  EXPECT_EQ(found.infinite, 2);
  EXPECT_EQ(found.beyond_fp16, 1);
  EXPECT_EQ(found.below_fp16, 1);
  EXPECT_EQ(found.minimum, -4.0);
  EXPECT_EQ(found.maximum, 1e5);
}

TEST(TensorStatistics, MeanAndRmsAreThoseOfTheFiniteValues) {
  const TensorStatistics found = StatisticsOf(at::tensor({3.0F, -4.0F, std::nanf("")}));
  EXPECT_DOUBLE_EQ(found.mean_size(), 3.5);
  EXPECT_DOUBLE_EQ(found.rms(), std::sqrt(12.5));
  EXPECT_EQ(found.bf16_error(), 0);  // 3 and 4 are numbers of bf16
  const TensorStatistics third = StatisticsOf(at::tensor({1.0F / 3}));
  EXPECT_NEAR(third.bf16_error(), std::abs(1 - 3 * 0.333984375), 1e-6);
}

TEST(TensorStatistics, AreTheSameForEveryTypeThatHoldsTheValuesAndForStrides) {
  const at::Tensor values = at::arange(-300000, 300000, at::kFloat).remainder(64).view({600, 1000});
  const Json expected = StatisticsToJson(StatisticsOf(values));
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16, at::kDouble})
    EXPECT_EQ(StatisticsToJson(StatisticsOf(values.to(type))), expected);
  EXPECT_EQ(StatisticsToJson(StatisticsOf(values.t().contiguous().t())), expected);
  EXPECT_EQ(expected["values"], 600000);
}

TEST(TensorGroup, TellsThePartsOfAT5) {
  EXPECT_EQ(TensorGroup("shared.weight"), "embedding");
  EXPECT_EQ(TensorGroup("decoder.block.0.layer.1.EncDecAttention.k.weight"), "cross-attention");
  EXPECT_EQ(TensorGroup("encoder.block.0.layer.0.SelfAttention.q.weight"),
            "encoder self-attention");
  EXPECT_EQ(TensorGroup("decoder.block.3.layer.2.DenseReluDense.wo.weight"),
            "decoder feed-forward");
  EXPECT_EQ(TensorGroup("decoder.final_layer_norm.weight"), "norms");
  EXPECT_EQ(TensorGroup("optimizer"), "others");
}

TEST(ProvenanceChain, GoesFromPretrainingToWhatHappenedLast) {
  Json json = {{"kind", "finetune"},
               {"pretraining", {{"original_steps", 800}, {"schedule_steps", 840}}},
               {"training", {{"step", 200}}},
               {"alpha", 0.05},
               {"task", "titles"}};
  json["conversions"] =
      Json::array({{{"source", "parent"},
                    {"config", {{"method", "mean"}, {"kv_heads", 2}, {"sites", {"cross"}}}}}});
  const std::vector<std::string> chain = {
      "pre-trained 800 steps", "K/V heads of cross merged by mean to 2, from parent",
      "uptrained 5 % of the original steps (40)", "fine-tuned on titles, 200 steps"};
  EXPECT_EQ(ProvenanceChain(json), chain);
  json["kind"] = "convert";  // of the fine-tuned model
  EXPECT_EQ(ProvenanceChain(json).back(), chain[1]);
}

TEST(ProvenanceChain, PassesOverWhatHasAnotherType) {
  EXPECT_TRUE(ProvenanceChain(nullptr).empty());
  EXPECT_TRUE(
      ProvenanceChain({{"pretraining", 7}, {"conversions", "x"}, {"alpha", "5 %"}}).empty());
}

}  // namespace
}  // namespace regroup
