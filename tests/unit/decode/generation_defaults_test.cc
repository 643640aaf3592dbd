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
      {"pad_token_id", true}};
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
