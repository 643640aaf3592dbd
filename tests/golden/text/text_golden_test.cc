// Ids against transformers' T5Tokenizer on the same small model (made by make_text_golden.py).
#include <gtest/gtest.h>

#include <string>

#include "core/files.h"
#include "core/json.h"
#include "text/sentencepiece_bridge.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

TEST(TokenizerGolden, GivesTheIdsOfHuggingFace) {
  const auto tokenizer = Tokenizer::Load(REGROUP_GOLDEN_DIR);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const Json golden = *ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/text_golden.json");
  EXPECT_EQ((*tokenizer)->size(), golden["size"].get<int32_t>());
  ASSERT_GE(golden["cases"].size(), 15U);
  for (const Json& test : golden["cases"]) {
    const std::string text = test["text"].get<std::string>();
    EXPECT_EQ((*tokenizer)->Encode(text), test["ids"].get<std::vector<int32_t>>()) << text;
  }
}

// The control: SentencePiece alone, without T5's sentinels, gives other ids.
TEST(TokenizerGolden, FailsWithoutSplittingAtSentinels) {
  std::string error;
  const auto content = ReadFile(std::string(REGROUP_GOLDEN_DIR) + "/spiece.model");
  const auto model = SentencePieceModel::Parse(*content, &error);
  ASSERT_NE(model, nullptr) << error;
  const Json golden = *ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/text_golden.json");
  int differ = 0;
  for (const Json& test : golden["cases"]) {
    const auto ids = model->Encode(test["text"].get<std::string>());
    differ += ids != test["ids"].get<std::vector<int32_t>>() ? 1 : 0;
  }
  EXPECT_EQ(differ, 6);
}

}  // namespace
}  // namespace regroup
