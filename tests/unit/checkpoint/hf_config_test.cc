// config.json: Hugging Face's defaults, the K/V head keys and every refusal.
#include <gmock/gmock.h>

#include "checkpoint/hf_folder.h"
#include "tiny_models.h"

namespace regroup {
namespace {

using ::testing::HasSubstr;

T5Config Read(const Json& json) {
  const auto config = T5ConfigFromJson(json, "config.json");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : T5Config();
}

std::string Refusal(const Json& json) {
  const auto config = T5ConfigFromJson(json, "config.json");
  EXPECT_EQ(ExitCode(config.status()), 2) << DumpJson(json);
  return Message(config.status());
}

TEST(HfConfig, AbsentFieldsHaveHuggingFacesDefaults) {
  T5Config expected;
  expected.vocab_size = 32128;
  expected.d_model = 512;
  expected.d_kv = 64;
  expected.d_ff = 2048;
  expected.num_layers = expected.num_decoder_layers = 6;
  expected.num_heads = 8;
  expected.feed_forward = "relu";
  expected.tied_embeddings = expected.scale_decoder_outputs = true;
  expected.SetMultiHead();
  EXPECT_EQ(Read(Json::object()), expected);
  expected.num_layers = expected.num_decoder_layers = 3;
  expected.SetMultiHead();
  EXPECT_EQ(Read({{"num_layers", 3}, {"num_decoder_layers", nullptr}}), expected);
}

TEST(HfConfig, FlagsOfBothTransformersVersionsAreUnderstood) {
  EXPECT_TRUE(Read({{"tie_word_embeddings", true}}).scale_decoder_outputs);
  EXPECT_FALSE(Read({{"tie_word_embeddings", false}}).scale_decoder_outputs);
  const T5Config five = Read({{"tie_word_embeddings", true}, {"scale_decoder_outputs", false}});
  EXPECT_FALSE(five.scale_decoder_outputs);
  EXPECT_FALSE(five.tied_embeddings);
  const T5Config odd = Read({{"tie_word_embeddings", false}, {"scale_decoder_outputs", true}});
  EXPECT_TRUE(odd.scale_decoder_outputs);
  EXPECT_FALSE(odd.tied_embeddings);
}

TEST(HfConfig, KvHeadsAreReadPerSiteAndLayer) {
  const Json sizes = {{"num_layers", 2}, {"num_heads", 8}};
  Json json = sizes;
  json["num_key_value_heads"] = 2;
  EXPECT_EQ(Read(json).kv_heads, (KvHeads{{8, 8}, {2, 2}, {2, 2}}));
  json["kv_heads"] = {{"encoder_self", 4}, {"decoder_self", 2}, {"cross", {2, 2}}};
  EXPECT_EQ(Read(json).kv_heads, (KvHeads{{4, 4}, {2, 2}, {2, 2}}));
  json["kv_heads"]["cross"] = 1;
  EXPECT_THAT(Refusal(json), HasSubstr("contradict"));
  json = sizes;
  json["kv_heads"] = {{"cross", {1, 2, 4}}};
  EXPECT_THAT(Refusal(json),
              HasSubstr("kv_heads.cross: found [1,2,4], expected a number or a list of 2"));
  json["kv_heads"] = {{"cros", 1}};
  EXPECT_THAT(Refusal(json), HasSubstr("did you mean \"cross\""));
  json["kv_heads"] = {{"cross", 3}};
  EXPECT_THAT(Refusal(json), HasSubstr("3"));
}

TEST(HfConfig, GroupedModelsAreWrittenWithBothKeys) {
  T5Config config = TinyConfig();
  EXPECT_FALSE(T5ConfigToJson(config, "float32").contains("kv_heads"));
  config.kv_heads = {{4}, {2, 2}, {2, 2}};
  Json json = T5ConfigToJson(config, "float32");
  EXPECT_EQ(json["num_key_value_heads"], 2);
  EXPECT_EQ(json["kv_heads"].dump(), R"({"encoder_self":4,"decoder_self":2,"cross":2})");
  EXPECT_EQ(Read(json), config);
  config.kv_heads.cross = {2, 1};
  json = T5ConfigToJson(config, "float32");
  EXPECT_FALSE(json.contains("num_key_value_heads"));
  EXPECT_EQ(json["kv_heads"]["cross"].dump(), "[2,1]");
  EXPECT_EQ(Read(json), config);
}

TEST(HfConfig, WhatWouldComputeSomethingElseIsRefusedByName) {
  EXPECT_THAT(Refusal({{"feed_forward_proj", "gated-silu"}}), HasSubstr("gated-silu"));
  EXPECT_THAT(Refusal({{"feed_forward_proj", "gated-gelu"}, {"dense_act_fn", "gelu"}}),
              HasSubstr("dense_act_fn"));
  EXPECT_THAT(Refusal({{"is_gated_act", true}}), HasSubstr("is_gated_act"));
  EXPECT_THAT(Refusal({{"model_type", "bart"}}), HasSubstr("model_type: found \"bart\""));
  EXPECT_THAT(Refusal({{"d_model", "512"}}),
              HasSubstr("d_model: found \"512\", expected a whole number"));
  EXPECT_THAT(Refusal({{"tie_word_embeddings", 1}}), HasSubstr("true or false"));
  EXPECT_THAT(Refusal({{"num_layers", 4000000000000}}), HasSubstr("num_layers"));
  EXPECT_THAT(Refusal({{"num_heads", 0}}), HasSubstr("num_heads"));
  EXPECT_THAT(Refusal(Json::array()), HasSubstr("object"));
  const std::string both = Refusal({{"d_ff", 1.5}, {"dropout_rate", "no"}});
  EXPECT_THAT(both, HasSubstr("d_ff"));
  EXPECT_THAT(both, HasSubstr("dropout_rate"));
}

TEST(HfConfig, AbsentFieldsOfMt5AndUmt5MeanTheirOwnDefaults) {
  for (const std::string family : {"mt5", "umt5"}) {
    const T5Config config = Read({{"model_type", family}});
    EXPECT_EQ(config.family, family);
    EXPECT_EQ(config.vocab_size, 250112);
    EXPECT_EQ(config.d_ff, 1024);
    EXPECT_EQ(config.num_heads, 6);
    EXPECT_EQ(config.num_decoder_layers, 8);
    EXPECT_TRUE(config.gated());
    EXPECT_EQ(config.tied_embeddings, family == "umt5");  // the classes' own defaults
    const Json written = T5ConfigToJson(config, "float32");
    EXPECT_EQ(Read(written), config);
    EXPECT_EQ(written["architectures"][0],
              family == "mt5" ? "MT5ForConditionalGeneration" : "UMT5ForConditionalGeneration");
  }
  EXPECT_EQ(CountParameters(Read({{"model_type", "umt5"}})),
            CountParameters(Read({{"model_type", "t5"},
                                  {"vocab_size", 250112},
                                  {"d_ff", 1024},
                                  {"num_heads", 6},
                                  {"num_layers", 8},
                                  {"feed_forward_proj", "gated-gelu"}})) +
                14 * 32 * 6);
}

}  // namespace
}  // namespace regroup
