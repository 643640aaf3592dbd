// Defaults of decoding from generation_config.json.
#include "decode/generation_defaults.h"

#include <gtest/gtest.h>

#include <limits>

#include "unit/decode/engine_fixture.h"

namespace regroup {
namespace {

absl::StatusOr<GenerationDefaults> Read(const Json& json) {
  HfModel model;
  model.config = MakeConfig({"", true, {{8, 8}, {8, 8}, {8, 8}}});
  model.generation_config = json;
  model.folder = "some/model";
  return ReadGenerationConfig(model);
}

TEST(GenerationConfig, PrefersNewTokensThenMaxLengthLessTheStartToken) {
  EXPECT_EQ(Read(Json{{"max_new_tokens", 77}, {"max_length", 20}})->max_length, 77);
  EXPECT_EQ(Read(Json{{"max_length", 20}})->max_length, 19);
  EXPECT_EQ(Read(Json::object())->max_length, 128);
  EXPECT_EQ(Read(Json())->max_length, 128);
  EXPECT_EQ(Read(Json{{"max_new_tokens", nullptr}})->max_length, 128);
}

TEST(GenerationConfig, ItsIdsWinOverTheConfigs) {
  const auto given = Read(
      Json{{"decoder_start_token_id", 5}, {"eos_token_id", Json::array({6})}, {"pad_token_id", 7}});
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_EQ(given->config.decoder_start_token_id, 5);
  EXPECT_EQ(given->config.eos_token_id, 6);
  EXPECT_EQ(given->config.pad_token_id, 7);
  const auto absent = Read(Json{{"eos_token_id", nullptr}});
  EXPECT_EQ(absent->config.decoder_start_token_id, 0);
  EXPECT_EQ(absent->config.eos_token_id, 1);
}

TEST(GenerationConfig, TheLengthsAndTheRulesOfTokensAreDefaults) {
  const auto read = Read(Json{{"num_beams", 4},
                              {"length_penalty", 2},
                              {"early_stopping", true},
                              {"min_length", 30},
                              {"no_repeat_ngram_size", 3},
                              {"forced_bos_token_id", 9},
                              {"forced_eos_token_id", Json::array({1})}});
  ASSERT_TRUE(read.ok()) << read.status();
  DecodeConfig asked;
  asked.length_penalty = 0.5;
  asked.max_length = 40;
  const auto options = WithDefaults(asked, *read);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(read->decode.beams, 4);
  EXPECT_EQ(read->decode.early_stopping, "true");
  EXPECT_FALSE(options->beams.has_value()) << "1, whatever the file says";
  EXPECT_EQ(options->length_penalty, 0.5);
  EXPECT_FALSE(options->early_stopping.has_value());
  EXPECT_EQ(options->min_length, 29) << "the file counts the start token";
  EXPECT_EQ(options->max_length, 40);
  EXPECT_EQ(options->no_repeat_ngram_size, 3);
  EXPECT_EQ(options->forced_bos_token_id, 9);
  EXPECT_EQ(options->forced_eos_token_id, 1);
}

TEST(GenerationConfig, WithoutAFileTheOptionsStayOpenButForTheLength) {
  const auto options = WithDefaults({}, *Read(Json()));
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->max_length, 128);
  EXPECT_FALSE(options->beams.has_value());
  EXPECT_EQ(Read(Json{{"early_stopping", "never"}})->decode.early_stopping, "never");
  EXPECT_EQ(Read(Json{{"min_length", 0}})->decode.min_length, 0);
  EXPECT_EQ(Read(Json{{"min_length", 9}, {"min_new_tokens", 4}})->decode.min_length, 4);
}

TEST(GenerationConfig, WhatIsNotImplementedIsRefusedUnlessItDoesNothing) {
  const std::vector<std::pair<std::string, Json>> changing = {
      {"repetition_penalty", 1.3},  {"bad_words_ids", Json::array({Json::array({5})})},
      {"suppress_tokens", {1, 2}},  {"num_beam_groups", 2},
      {"diversity_penalty", 0.5},   {"encoder_no_repeat_ngram_size", 3},
      {"renormalize_logits", true}, {"stop_strings", "x"}};
  for (const auto& [key, value] : changing) {
    const absl::Status status = Read(Json{{key, value}}).status();
    EXPECT_EQ(ExitCode(status), 2) << key;
    EXPECT_NE(status.message().find(key + ": found"), absl::string_view::npos) << status;
  }
  EXPECT_TRUE(Read(Json{{"repetition_penalty", 1.0},
                        {"bad_words_ids", nullptr},
                        {"suppress_tokens", Json::array()},
                        {"num_beam_groups", 1},
                        {"diversity_penalty", 0.0},
                        {"renormalize_logits", false},
                        {"do_sample", true},
                        {"top_k", 50}})
                  .ok());
}

TEST(GenerationConfig, OptionsThatContradictEachOtherAreNamed) {
  const GenerationDefaults defaults = *Read(Json::object());
  DecodeConfig options;
  options.n_best = 2;
  EXPECT_EQ(ExitCode(WithDefaults(options, defaults).status()), 2);
  options.beams = 2;
  EXPECT_TRUE(WithDefaults(options, defaults).ok());
  options.forced_bos_token_id = 128;
  const absl::Status status = WithDefaults(options, defaults).status();
  EXPECT_EQ(ExitCode(status), 2);
  EXPECT_NE(status.message().find("forced_bos_token_id"), absl::string_view::npos) << status;
}

TEST(GenerationConfig, WrongValuesNameFileAndKey) {
  const std::vector<std::pair<std::string, Json>> wrong = {
      {"max_length", "x"},
      {"max_length", -5},
      {"max_length", 1e30},
      {"max_length", std::numeric_limits<uint64_t>::max()},
      {"max_length", Json::array({1, 2})},
      {"max_new_tokens", 0},
      {"max_new_tokens", 2.5},
      {"decoder_start_token_id", 128},
      {"eos_token_id", Json::array({1, 2})},
      {"pad_token_id", true},
      {"num_beams", 0},
      {"num_beams", 2.5},
      {"length_penalty", "1"},
      {"early_stopping", "always"},
      {"no_repeat_ngram_size", -1},
      {"min_new_tokens", -1},
      {"forced_bos_token_id", 128},
      {"forced_eos_token_id", Json::array({1, 2})}};
  for (const auto& [key, value] : wrong) {
    const absl::Status status = Read(Json{{key, value}}).status();
    EXPECT_EQ(ExitCode(status), 2) << key << " " << value;
    EXPECT_NE(status.message().find("some/model/generation_config.json: " + key + ": found"),
              absl::string_view::npos)
        << status;
  }
  EXPECT_EQ(ExitCode(Read(Json::array({1})).status()), 2);
}

}  // namespace
}  // namespace regroup
