// Sizes, contradictions and the table of layers.
#include "model/model_config.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "model/state_dict.h"

namespace regroup {
namespace {

T5Config Sized(int64_t d_model, int64_t d_ff, int64_t heads, int64_t layers) {
  T5Config c;
  c.d_model = d_model;
  c.d_ff = d_ff;
  c.num_heads = heads;
  c.num_layers = c.num_decoder_layers = layers;
  c.SetMultiHead();
  return c;
}

T5Config WithDecoderHeads(T5Config c, int64_t g) {
  for (auto* site : {&c.kv_heads.decoder_self, &c.kv_heads.cross}) {
    for (int64_t& heads : *site) heads = g;
  }
  return c;
}

T5Config Version10(int64_t d_model, int64_t d_ff, int64_t heads, int64_t d_kv, int64_t layers) {
  T5Config c = Sized(d_model, d_ff, heads, layers);
  c.d_kv = d_kv;
  c.feed_forward = "relu";
  c.tied_embeddings = c.scale_decoder_outputs = true;
  return c;
}

int64_t TableParameters(const T5Config& c) {
  int64_t total = 0;
  for (const TensorSpec& spec : LayerTable(c)) {
    int64_t n = 1;
    for (const int64_t size : spec.shape) n *= size;
    total += n;
  }
  return total;
}

TEST(CountParameters, ReproducesThePublishedSizes) {
  const T5Config small = Sized(512, 1024, 6, 8), base = Sized(768, 2048, 12, 12);
  const T5Config large = Sized(1024, 2816, 16, 24), xl = Sized(2048, 5120, 32, 24);
  const T5Config xxl = Sized(4096, 10240, 64, 24);
  EXPECT_EQ(CountParameters(small), 76961152);
  EXPECT_EQ(CountParameters(base), 247577856);
  EXPECT_EQ(CountParameters(large), 783150080);
  EXPECT_EQ(CountParameters(xl), 2849757184);
  EXPECT_EQ(CountParameters(xxl), 11135332352);
  EXPECT_EQ(CountParameters(WithDecoderHeads(small, 1)), 71718272);
  EXPECT_EQ(CountParameters(WithDecoderHeads(base, 1)), 221625600);
  EXPECT_EQ(CountParameters(WithDecoderHeads(large, 8)), 732818432);
  EXPECT_EQ(CountParameters(WithDecoderHeads(large, 1)), 688778240);
  EXPECT_EQ(CountParameters(WithDecoderHeads(xl, 8)), 2547767296);
  EXPECT_EQ(CountParameters(WithDecoderHeads(xxl, 8)), 9726046208);
  EXPECT_EQ(CountParameters(WithDecoderHeads(xxl, 1)), 9549885440);
  EXPECT_EQ(CountParameters(Version10(512, 2048, 8, 64, 6)), 60506624);
  EXPECT_EQ(CountParameters(Version10(768, 3072, 12, 64, 12)), 222903552);
  EXPECT_EQ(CountParameters(Version10(1024, 65536, 128, 128, 24)), 11307321344);
}

TEST(CountParameters, IsTheSumOverTheTableOfLayers) {
  T5Config unequal = WithDecoderHeads(Sized(512, 1024, 6, 8), 3);
  unequal.num_decoder_layers = 2;
  unequal.SetMultiHead();
  unequal.kv_heads.cross = {1, 2};
  for (const T5Config& c : {Sized(768, 2048, 12, 12), Version10(512, 2048, 8, 64, 6), unequal}) {
    EXPECT_EQ(CountParameters(c), TableParameters(c));
  }
}

TEST(KvBytesPerPosition, AgreesWithThePublishedKibibytes) {
  EXPECT_EQ(KvBytesPerPosition(Sized(768, 2048, 12, 12).kv_heads.cross, 64, 2), 36 << 10);
  EXPECT_EQ(KvBytesPerPosition(Sized(4096, 10240, 64, 24).kv_heads.cross, 64, 2), 384 << 10);
  EXPECT_EQ(KvBytesPerPosition({1, 1}, 64, 4), 2 * 2 * 64 * 4);
}

TEST(LayerTable, NamesAndShapesAreThoseOfHuggingFace) {
  T5Config c = WithDecoderHeads(Sized(512, 1024, 6, 8), 2);
  std::set<std::string> names;
  for (const TensorSpec& spec : LayerTable(c)) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name << " occurs twice";
    if (spec.name == "decoder.block.3.layer.1.EncDecAttention.k.weight") {
      EXPECT_EQ(spec.shape, (std::vector<int64_t>{128, 512}));
    }
    if (spec.name == "encoder.block.0.layer.0.SelfAttention.o.weight") {
      EXPECT_EQ(spec.shape, (std::vector<int64_t>{512, 384}));
    }
  }
  // Per encoder layer 4 + 3 + 2 tensors, per decoder layer 8 + 3 + 3; two embeddings, two bias
  // tables, two final norms.
  EXPECT_EQ(names.size(), 8U * 9 + 8U * 14 + 6);
  for (const char* name :
       {"shared.weight", "lm_head.weight", "encoder.block.7.layer.1.DenseReluDense.wi_1.weight",
        "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        "decoder.block.7.layer.2.DenseReluDense.wo.weight",
        "decoder.block.2.layer.2.layer_norm.weight", "encoder.final_layer_norm.weight"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_FALSE(
      names.contains("decoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight"));
}

TEST(ValidateT5Config, NamesEveryContradictionAtOnce) {
  T5Config c = Sized(512, 1024, 6, 8);
  EXPECT_TRUE(ValidateT5Config(c, "config.json").ok());
  c.kv_heads.cross[2] = 4;
  c.kv_heads.decoder_self.pop_back();
  c.d_ff = 0;
  c.feed_forward = "gated-silu";
  c.eos_token_id = 40000;
  const absl::Status status = ValidateT5Config(c, "config.json");
  EXPECT_EQ(ExitCode(status), 2);
  const std::string message(status.message().data(), status.message().size());
  for (const char* part : {"config.json", "kv_heads.cross[2] is 4", "divisor of num_heads (6)",
                           "kv_heads.decoder_self has 7 entries for 8 layers", "d_ff is 0",
                           "gated-silu", "eos_token_id is 40000"}) {
    EXPECT_THAT(message, testing::HasSubstr(part));
  }
}

TEST(ValidateT5Config, RefusesSizesThatOnlyABrokenFileClaims) {
  T5Config c = Sized(512, 1024, 6, 8);
  c.num_layers = int64_t{1} << 40;
  c.relative_attention_max_distance = 16;
  EXPECT_FALSE(ValidateT5Config(c, "x").ok());
}

TEST(MakeT5Config, RoundsTheVocabularyUpAndTiesWithTheFactor) {
  ModelConfig model;
  model.tied_embeddings = true;
  const T5Config tied = MakeT5Config(model, 32100);
  EXPECT_EQ(tied.vocab_size, 32128);
  EXPECT_TRUE(tied.scale_decoder_outputs);
  model.tied_embeddings = false;
  const T5Config untied = MakeT5Config(model, 128);
  EXPECT_EQ(untied.vocab_size, 128);
  EXPECT_FALSE(untied.scale_decoder_outputs);
  EXPECT_TRUE(ValidateT5Config(untied, "recipe").ok());
}

TEST(InitializeWeights, HasTheTablesSpreadInEveryTensor) {
  const T5Config c = Sized(128, 256, 4, 2);
  const StateDict weights = InitializeWeights(c, 1);
  for (const TensorSpec& spec : LayerTable(c)) {
    const at::Tensor& w = weights.at(spec.name);
    if (spec.init_std == 0) {
      EXPECT_TRUE(at::equal(w, at::ones_like(w))) << spec.name;
    } else {
      const double error = 4 * spec.init_std / std::sqrt(static_cast<double>(w.numel()));
      EXPECT_NEAR(w.std().item<double>(), spec.init_std, error) << spec.name;
      EXPECT_NEAR(w.mean().item<double>(), 0, error) << spec.name;
    }
  }
}

TEST(InitializeWeights, DependsOnSeedAndNameOnly) {
  const StateDict two = InitializeWeights(Sized(128, 256, 4, 2), 1);
  const StateDict three = InitializeWeights(Sized(128, 256, 4, 3), 1);
  const StateDict other = InitializeWeights(Sized(128, 256, 4, 2), 2);
  const std::string q = "decoder.block.1.layer.0.SelfAttention.q.weight";
  const std::string k = "decoder.block.1.layer.0.SelfAttention.k.weight";
  EXPECT_TRUE(at::equal(two.at(q), three.at(q)));
  EXPECT_FALSE(at::equal(two.at(q), other.at(q)));
  EXPECT_FALSE(at::equal(two.at(k), two.at("decoder.block.0.layer.0.SelfAttention.k.weight")));
}

}  // namespace
}  // namespace regroup
