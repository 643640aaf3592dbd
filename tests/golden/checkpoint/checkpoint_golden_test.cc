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

void ExpectAsTransformersReadsThem(const std::string& version, size_t folders) {
  const Json expected =
      ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, version + "/expected.json")).value();
  EXPECT_EQ(expected.size(), folders);
  for (const auto& [name, golden] : expected.items()) {
    const HfModel model = MustLoad(version + "/" + name);
    const bool tied = golden["tied"].get<bool>();
    EXPECT_EQ(model.config.tied_embeddings, tied) << name;
    EXPECT_EQ(model.config.scale_decoder_outputs, tied) << name;
    EXPECT_EQ(CountParameters(model.config), golden["parameters"].get<int64_t>()) << name;
    for (const auto& [tensor, sum] : golden["sums"].items()) {
      const std::string key = tied && tensor == "lm_head.weight" ? "shared.weight" : tensor;
      ASSERT_TRUE(model.weights.contains(key)) << name << " " << key;
      EXPECT_EQ(TorchDtypeName(model.weights.at(key).scalar_type()),
                golden["dtype"].get<std::string>());
      EXPECT_NEAR(model.weights.at(key).to(at::kDouble).sum().item<double>(), sum.get<double>(),
                  1e-9)
          << name << " " << key;
    }
  }
}

TEST(CheckpointGolden, FoldersOfTransformers5AreReadAsItReadsThem) {
  ExpectAsTransformersReadsThem("transformers5", 8);
}

TEST(CheckpointGolden, FoldersOfTransformers4AreReadAsItReadsThem) {
  ExpectAsTransformersReadsThem("transformers4", 5);
}

// The same weights in another file are the same weights: archive, legacy format with transposed
// matrices, shards. The control: two models are not.
TEST(CheckpointGolden, PickledWeightsAreTheSameBitsAsSafetensors) {
  const std::pair<const char*, const char*> pairs[] = {
      {"transformers5/v1_0_archive", "transformers5/v1_0"},
      {"transformers5/v1_1_legacy", "transformers5/v1_1"},
      {"transformers5/v1_1_bf16_pickled_shards", "transformers5/v1_1_bf16_shards"}};
  for (const auto& [pickled, safe] : pairs) {
    const HfModel model = MustLoad(pickled);
    EXPECT_EQ(HashWeights(model.weights), HashWeights(MustLoad(safe).weights)) << pickled;
    EXPECT_EQ(model.config, LoadHfConfig(JoinPath(REGROUP_GOLDEN_DIR, pickled)).value());
    for (const auto& [name, tensor] : model.weights) EXPECT_TRUE(tensor.is_contiguous()) << name;
  }
  EXPECT_NE(HashWeights(MustLoad("transformers5/v1_0_archive").weights),
            HashWeights(MustLoad("transformers5/v1_1").weights));
}

// The control: transformers 5 writes tie_word_embeddings true for an untied T5 1.1, mT5 and umT5,
// transformers 4 false; a reader that trusted that flag would be wrong.
TEST(CheckpointGolden, TheFlagAloneWouldMislead) {
  for (const std::string name : {"v1_1", "mt5", "umt5"}) {
    for (const bool five : {false, true}) {
      const std::string folder = (five ? "transformers5/" : "transformers4/") + name;
      const Json config =
          ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, folder + "/config.json")).value();
      EXPECT_EQ(config["tie_word_embeddings"], five) << folder;
      EXPECT_FALSE(MustLoad(folder).config.tied_embeddings) << folder;
    }
  }
}

}  // namespace
}  // namespace regroup
