// Folders that transformers wrote (make_checkpoint_golden.py) are read as transformers reads them.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "checkpoint/hf_folder.h"
#include "checkpoint/tensor_file.h"
#include "core/files.h"

namespace regroup {
namespace {

HfModel MustLoad(const std::string& name) {
  auto model = LoadHfFolder(JoinPath(REGROUP_GOLDEN_DIR, name));
  REGROUP_CHECK(model.ok(), std::string(model.status().message()));
  return *std::move(model);
}

TEST(CheckpointGolden, FoldersOfTransformersAreReadAsTransformersReadsThem) {
  const Json expected = ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, "expected.json")).value();
  for (const auto& [name, golden] : expected.items()) {
    const HfModel model = MustLoad(name);
    EXPECT_EQ(model.config.scale_decoder_outputs, golden["scale_decoder_outputs"].get<bool>())
        << name;
    EXPECT_EQ(model.config.tied_embeddings, golden["head_is_embedding"].get<bool>()) << name;
    EXPECT_EQ(CountParameters(model.config), golden["parameters"].get<int64_t>()) << name;
    for (const auto& [tensor, sum] : golden["sums"].items()) {
      const std::string key =
          model.config.tied_embeddings && tensor == "lm_head.weight" ? "shared.weight" : tensor;
      ASSERT_TRUE(model.weights.contains(key)) << name << " " << key;
      EXPECT_EQ(TorchDtypeName(model.weights.at(key).scalar_type()),
                golden["dtype"].get<std::string>());
      EXPECT_NEAR(model.weights.at(key).to(at::kDouble).sum().item<double>(), sum.get<double>(),
                  1e-9)
          << name << " " << key;
    }
  }
}

// The same weights in another file are the same weights: archive, legacy format with transposed
// matrices, shards. The control: two models are not.
TEST(CheckpointGolden, PickledWeightsAreTheSameBitsAsSafetensors) {
  const std::pair<const char*, const char*> pairs[] = {
      {"v1_0_archive", "v1_0"},
      {"v1_1_legacy", "v1_1"},
      {"v1_1_bf16_pickled_shards", "v1_1_bf16_shards"}};
  for (const auto& [pickled, safe] : pairs) {
    const HfModel model = MustLoad(pickled);
    EXPECT_EQ(HashWeights(model.weights), HashWeights(MustLoad(safe).weights)) << pickled;
    EXPECT_EQ(model.config, LoadHfConfig(JoinPath(REGROUP_GOLDEN_DIR, pickled)).value());
    for (const auto& [name, tensor] : model.weights) EXPECT_TRUE(tensor.is_contiguous()) << name;
  }
  EXPECT_NE(HashWeights(MustLoad("v1_0_archive").weights), HashWeights(MustLoad("v1_1").weights));
}

// The control: transformers 5 writes tie_word_embeddings true for a T5 1.1; a reader that trusted
// that flag would be wrong.
TEST(CheckpointGolden, TheFlagAloneWouldMislead) {
  const Json config = ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, "v1_1/config.json")).value();
  EXPECT_EQ(config["tie_word_embeddings"], true);
  EXPECT_FALSE(MustLoad("v1_1").config.tied_embeddings);
}

}  // namespace
}  // namespace regroup
