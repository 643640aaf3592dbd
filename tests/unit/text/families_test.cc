// Where the sentinels are: what tokenizer_config.json can say, and ByT5's bytes.
#include <gtest/gtest.h>

#include "core/files.h"
#include "core/json.h"
#include "support/temp_folder.h"
#include "text/byte_tokenizer.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;

// A folder with a small model, trained once.
const TempFolder& Trained() {
  static const auto* folder = [] {
    auto* made = new TempFolder;
    TokenizerTraining training;
    training.vocab_size = 60;
    for (int i = 0; i < 40; ++i) training.sentences.emplace_back("the quick brown fox jumps over");
    testing::internal::CaptureStderr();
    EXPECT_TRUE(TrainTokenizer(training, made->path()).ok());
    testing::internal::GetCapturedStderr();
    return made;
  }();
  return *folder;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadWith(const std::string& config) {
  Trained().Write("tokenizer_config.json", config);
  return Tokenizer::Load(Trained().path());
}

int32_t Pieces() {
  const auto tokenizer = LoadWith(R"({"extra_ids": 0})");
  EXPECT_EQ((*tokenizer)->sentinels(), 0);
  return (*tokenizer)->size();
}

TEST(Sentinels, AreAsManyAsTheConfigSays) {
  const int32_t pieces = Pieces();
  EXPECT_EQ((*LoadWith("{}"))->size(), pieces + 100);
  EXPECT_EQ((*LoadWith(R"({"extra_ids": null})"))->size(), pieces + 100);
  EXPECT_EQ((*LoadWith(R"({"extra_ids": 300})"))->SentinelId(0), pieces + 299);
  EXPECT_EQ((*LoadWith(R"({"extra_ids": 300})"))->SentinelId(299), pieces);
  const auto listed = *LoadWith(
      R"({"additional_special_tokens": ["<x>", "<extra_id_0>", {"content": "<extra_id_1>"}]})");
  EXPECT_EQ(listed->sentinels(), 2);
  EXPECT_EQ(listed->SentinelId(0), pieces + 1);
}

// transformers adds what is listed behind the pieces, in the order of the list.
TEST(Sentinels, AscendWhereTheyAreOnlyListed) {
  const int32_t pieces = Pieces();
  const auto tokenizer = *LoadWith(
      R"({"extra_ids": 0, "extra_special_tokens": ["<extra_id_0>", "<extra_id_2>", "<extra_id_1>"]})");
  EXPECT_EQ(tokenizer->Encode("<extra_id_0><extra_id_1><extra_id_2>"),
            (Ids{pieces, pieces + 2, pieces + 1}));
  EXPECT_EQ(tokenizer->Decode(Ids{pieces + 1, pieces}), "<extra_id_2> <extra_id_0>");
  EXPECT_EQ(tokenizer->SentinelId(1), pieces + 2);
}

TEST(Sentinels, WithoutAnyTheirSpellingIsText) {
  const auto tokenizer = *LoadWith(R"({"extra_ids": 0})");
  for (const int32_t id : tokenizer->Encode("the <extra_id_0>")) EXPECT_LT(id, tokenizer->size());
}

TEST(Sentinels, ContradictionsAreNamed) {
  const absl::Status count =
      LoadWith(R"({"extra_ids": 3, "additional_special_tokens": ["<extra_id_0>"]})").status();
  EXPECT_EQ(ExitCode(count), 2);
  EXPECT_NE(count.message().find("\"extra_ids\" is 3, and 1 sentinels are listed"),
            std::string::npos)
      << count;
  const absl::Status gap =
      LoadWith(R"({"additional_special_tokens": ["<extra_id_0>", "<extra_id_2>"]})").status();
  EXPECT_NE(gap.message().find("<extra_id_2> where <extra_id_1> is expected"), std::string::npos)
      << gap;
  EXPECT_EQ(ExitCode(LoadWith("[]").status()), 2);
  EXPECT_EQ(ExitCode(LoadWith(R"({"extra_ids": 1000000})").status()), 2);
}

TEST(Bytes, AreRecognizedByClassAndByVocabulary) {
  const TempFolder folder;
  EXPECT_FALSE(HasTokenizer(folder.path()));
  folder.Write("config.json", R"({"vocab_size": 384})");
  EXPECT_TRUE(HasTokenizer(folder.path()));
  EXPECT_EQ((*Tokenizer::Load(folder.path()))->Encode("a"), Ids{100});
  folder.Write("config.json", R"({"vocab_size": 400})");
  EXPECT_FALSE(HasTokenizer(folder.path()));
  folder.Write("config.json", R"({"vocab_size": 400, "tokenizer_class": "ByT5Tokenizer"})");
  EXPECT_EQ((*Tokenizer::Load(folder.path()))->size(), 384);
  folder.Write("config.json", "{}");
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "ByT5Tokenizer", "extra_ids": 7})");
  EXPECT_EQ((*Tokenizer::Load(folder.path()))->size(), 266);
}

TEST(Bytes, AModelBesideThemIsUsedUnlessTheClassSaysBytes) {
  const TempFolder folder;
  folder.Write("spiece.model", *ReadFile(Trained().File("spiece.model")));
  folder.Write("config.json", R"({"vocab_size": 384})");
  EXPECT_NE((*Tokenizer::Load(folder.path()))->size(), 384);
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "ByT5Tokenizer"})");
  EXPECT_EQ((*Tokenizer::Load(folder.path()))->size(), 384);
}

TEST(Bytes, GiveFilesThatLoadAsThemselves) {
  const auto tokenizer = MakeByteTokenizer(kByteSentinels, {});
  const TempFolder folder;
  ASSERT_EQ(tokenizer->Files().size(), 1U);
  for (const auto& [name, content] : tokenizer->Files()) folder.Write(name, content);
  const auto again = Tokenizer::Load(folder.path());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->Fingerprint(), tokenizer->Fingerprint());
  EXPECT_EQ((*again)->Encode("é<extra_id_124>"), (Ids{198, 172, 383}));
}

TEST(Bytes, DropControlsAndForeignIds) {
  const auto tokenizer = MakeByteTokenizer(kByteSentinels, {});
  EXPECT_EQ(tokenizer->Decode(Ids{0, 100, 2, 101, 1, 384, -4, 259}), "ab<extra_id_0>");
  EXPECT_EQ(tokenizer->Encode("</s>"), (Ids{63, 50, 118, 65})) << "no spelling but a sentinel's";
}

TEST(Bytes, CorruptWithIdsThatNoTextHas) {
  const auto tokenizer = MakeByteTokenizer(kByteSentinels, {});
  EXPECT_EQ(tokenizer->SentinelId(0), 258) << "as ByT5 was pre-trained";
  EXPECT_EQ(tokenizer->SentinelId(10), 3 + 0xF5);
  EXPECT_EQ(tokenizer->SentinelId(11), 270);
  EXPECT_EQ(tokenizer->SentinelId(124), 383);
}

}  // namespace
}  // namespace regroup
