// The model against transformers: logits, row losses, every gradient, in fp64 and fp32, and three
// controls that must fail. How the files were made: tests/golden/README.md.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/json.h"
#include "formats/safetensors.h"
#include "golden/model/t5_cases.h"
#include "model/t5.h"
#include "ops/relative_bias.h"

namespace regroup {
namespace {

using golden::Case;

StateDict ReadGolden(const std::string& name) {
  const auto file =
      SafetensorsFile::Open(std::string(REGROUP_GOLDEN_DIR) + "/" + name + ".safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  StateDict out;
  for (const TensorEntry& entry : file->entries()) {
    const at::ScalarType type = entry.dtype == DType::kF64 ? at::kDouble : at::kFloat;
    at::Tensor tensor = at::empty(entry.shape, type);
    EXPECT_EQ(tensor.nbytes(), entry.bytes);
    std::memcpy(tensor.mutable_data_ptr(), entry.data, entry.bytes);
    out[entry.name] = tensor;
  }
  return out;
}

struct Run {
  at::Tensor logits;  // of the real target tokens, [n, v]
  LossOutput loss;
  StateDict gradients;
};

Run RunModel(const Case& c, const T5Config& config, StateDict weights, at::ScalarType type) {
  T5Model model(config, std::move(weights), type);
  model.RequireGrad(true);
  const BatchTensors batch = golden::FormulaBatch(c);
  Run run;
  const at::Tensor logits = model.DecodeLogits(model.Encode(batch), batch).detach();
  run.logits = logits.index({batch.target_mask_bt});
  run.loss = model.Loss(batch, c.z_loss);
  run.loss.loss_sum.backward();
  for (const auto& [name, tensor] : model.weights()) run.gradients[name] = tensor.grad();
  return run;
}

Run RunCase(const Case& c, at::ScalarType type) {
  return RunModel(c, c.config, golden::Converted(golden::FormulaWeights(c), type), type);
}

void ExpectGolden(const Case& c, at::ScalarType type) {
  const StateDict want = ReadGolden(c.name);
  const Run run = RunCase(c, type);
  const double logits = golden::RelativeDifference(run.logits, want.at("logits"));
  EXPECT_LE(logits, type == at::kDouble ? 1e-6 : 1e-5);
  const at::Tensor rows = run.loss.row_loss_b, want_rows = want.at("row_losses");
  const double row_loss = ((rows - want_rows).abs() / want_rows.abs()).max().item<double>();
  EXPECT_LE(row_loss, type == at::kDouble ? 1e-6 : 1e-5);
  EXPECT_NEAR(run.loss.loss_sum.item<double>() / want.at("loss_sum").item<double>(), 1, 1e-5);
  double worst = 0;
  size_t compared = 0;
  for (const auto& [name, tensor] : want) {
    if (name.rfind("grad/", 0) != 0) continue;
    const double difference = golden::RelativeDifference(run.gradients.at(name.substr(5)), tensor);
    EXPECT_LE(difference, type == at::kDouble ? 1e-5 : 1e-4) << name;
    worst = std::max(worst, difference);
    ++compared;
  }
  const bool all = c.name != "grouped" && c.name != "umt5";
  EXPECT_TRUE(!all || compared == run.gradients.size());
  EXPECT_GE(compared, 12U);
  std::printf("  %s %s: logits %.1e, row losses %.1e, gradients %.1e\n", c.name.c_str(),
              c10::toString(type), logits, row_loss, worst);
}

TEST(ModelGolden, TiedReluModelEqualsTransformers) {
  ExpectGolden(golden::V10(), at::kDouble);
  ExpectGolden(golden::V10(), at::kFloat);
}

TEST(ModelGolden, UntiedGatedModelWithZLossEqualsTransformers) {
  ExpectGolden(golden::V11(), at::kDouble);
  ExpectGolden(golden::V11(), at::kFloat);
}

TEST(ModelGolden, GroupedModelEqualsTheExpandedOneWithGradientsSummedOverEachGroup) {
  ExpectGolden(golden::Grouped(), at::kDouble);
  ExpectGolden(golden::Grouped(), at::kFloat);
}

TEST(ModelGolden, ModelWithABiasInEveryLayerEqualsUmt5OfTransformers) {
  ExpectGolden(golden::Umt5(), at::kDouble);
  ExpectGolden(golden::Umt5(), at::kFloat);
}

TEST(ModelGolden, EveryRowAloneHasTheLossThatItHasInTheBatch) {
  for (const Case& c : {golden::V10(), golden::V11(), golden::Grouped(), golden::Umt5()}) {
    const T5Model model(c.config, golden::Converted(golden::FormulaWeights(c), at::kDouble),
                        at::kDouble);
    const at::Tensor want = ReadGolden(c.name).at("row_losses");
    for (size_t row = 0; row < c.source_lengths.size(); ++row) {
      const Example example = golden::FormulaExample(c, row);
      const BatchTensors alone = ToTensors(Collate({&example, 1}), c.config, at::kCPU);
      EXPECT_FALSE(alone.source_padded);
      const double loss = model.Loss(alone, 0).row_loss_b.item<double>();
      EXPECT_NEAR(loss / want[static_cast<int64_t>(row)].item<double>(), 1, 1e-6);
    }
  }
}

// Controls: a model that is wrong in a known way must miss the golden by far.
double LogitsOff(const Case& c, const T5Config& config, const StateDict& weights) {
  const Run run = RunModel(c, config, weights, at::kDouble);
  return golden::RelativeDifference(run.logits, ReadGolden(c.name).at("logits"));
}

TEST(ModelGolden, ControlScaledScoresFail) {
  const Case c = golden::V11();
  StateDict weights = golden::Converted(golden::FormulaWeights(c), at::kDouble);
  for (auto& [name, tensor] : weights) {
    if (name.ends_with(".q.weight")) tensor.div_(std::sqrt(static_cast<double>(c.config.d_kv)));
  }
  EXPECT_GT(LogitsOff(c, c.config, weights), 0.01);
}

TEST(ModelGolden, ControlStridedGroupsFail) {
  const Case c = golden::Grouped();
  StateDict weights = golden::Converted(golden::FormulaWeights(c), at::kDouble);
  // Query heads 0,2,1,3 at the places 0..3: what grouping by head modulo 2 would compute.
  const at::Tensor order = at::tensor({0, 2, 1, 3}, at::kLong);
  for (auto& [name, tensor] : weights) {
    if (name.ends_with(".q.weight")) {
      tensor = tensor.view({4, -1, tensor.size(1)}).index_select(0, order).reshape(tensor.sizes());
    } else if (name.ends_with(".o.weight")) {
      tensor = tensor.view({tensor.size(0), 4, -1}).index_select(1, order).reshape(tensor.sizes());
    } else if (name.ends_with("relative_attention_bias.weight")) {
      tensor = tensor.index_select(1, order);
    }
  }
  EXPECT_GT(LogitsOff(c, c.config, weights), 0.01);
}

TEST(ModelGolden, ControlTiedHeadWithoutItsFactorFails) {
  const Case c = golden::V10();
  T5Config config = c.config;
  config.scale_decoder_outputs = false;
  EXPECT_GT(LogitsOff(c, config, golden::Converted(golden::FormulaWeights(c), at::kDouble)), 1);
}

TEST(ModelGolden, ControlUmt5WithTheFirstLayersBiasEverywhereFails) {
  const Case c = golden::Umt5();
  StateDict weights = golden::Converted(golden::FormulaWeights(c), at::kDouble);
  for (const bool decoder : {false, true}) {
    for (const int64_t layer : {1, 2}) {
      const auto later = weights.find(RelativeBiasName(decoder, layer));
      if (later != weights.end()) later->second = weights.at(RelativeBiasName(decoder, 0));
    }
  }
  EXPECT_GT(LogitsOff(c, c.config, weights), 0.01);
}

Json GoldenBuckets() {
  const auto rows = ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/buckets.json");
  EXPECT_TRUE(rows.ok()) << rows.status();
  return *rows;
}

// How many of the distances -400 to 400 (times `sign`) fall into another bucket than in the golden.
int64_t WrongBuckets(const Json& row, bool bidirectional, int64_t sign) {
  const RelativeBuckets how{bidirectional, row.at("buckets"), row.at("max_distance")};
  const at::Tensor found = RelativePositionBuckets(401, 401, how, at::kCPU);
  const auto want = row.at("of_distance").get<std::vector<int64_t>>();
  int64_t wrong = 0;
  for (int64_t distance = -400; distance <= 400; ++distance) {
    const int64_t query = std::max<int64_t>(0, -sign * distance);
    const int64_t key = std::max<int64_t>(0, sign * distance);
    const int64_t bucket = found[query][key].item<int64_t>();
    wrong += bucket != want[static_cast<size_t>(distance + 400)];
  }
  return wrong;
}

TEST(RelativeBucketsGolden, EveryDistanceFallsIntoTheBucketOfTransformers) {
  const Json rows = GoldenBuckets();
  EXPECT_EQ(rows.size(), 4U);
  for (const Json& row : rows) EXPECT_EQ(WrongBuckets(row, row.at("bidirectional"), 1), 0) << row;
}

TEST(RelativeBucketsGolden, ControlTheOtherStacksBucketsOrTheOtherSignFail) {
  for (const Json& row : GoldenBuckets()) {
    const bool bidirectional = row.at("bidirectional");
    EXPECT_GT(WrongBuckets(row, !bidirectional, 1), 400) << row;
    EXPECT_GT(WrongBuckets(row, bidirectional, -1), 400) << row;
  }
}

}  // namespace
}  // namespace regroup
