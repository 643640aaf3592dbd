// The tokenizer: trained here on a small text, loaded, used both ways.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "core/files.h"
#include "support/temp_folder.h"
#include "text/sentencepiece_bridge.h"

namespace regroup {
namespace {

TokenizerTraining SmallTraining() {
  TokenizerTraining training;
  training.vocab_size = 120;
  training.extra_ids = 30;
  for (int i = 0; i < 60; ++i) {
    training.sentences.push_back("the quick brown fox jumps over the lazy dog number " +
                                 std::to_string(i) + "\nSphinx of black quartz, judge my vow.");
  }
  return training;
}

std::shared_ptr<const Tokenizer> Trained() {
  const TempFolder folder;
  EXPECT_TRUE(TrainTokenizer(SmallTraining(), folder.path()).ok());
  const auto tokenizer = Tokenizer::Load(folder.path());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *tokenizer;
}

using Ids = std::vector<int32_t>;

TEST(Tokenizer, RestoresTheTextThatItWasTrainedOn) {
  const auto tokenizer = Trained();
  const std::string text = "the quick brown fox jumps over my vow";
  const Ids ids = tokenizer->Encode(text);
  EXPECT_FALSE(ids.empty());
  EXPECT_EQ(tokenizer->Decode(ids), text);
}

TEST(Tokenizer, AppendsNoEos) {
  const auto tokenizer = Trained();
  EXPECT_EQ(tokenizer->Encode(""), Ids{});
  EXPECT_NE(tokenizer->Encode("the fox").back(), kEosId);
}

TEST(Tokenizer, PutsSentinelsAtTheEndOfTheVocabularyDownwards) {
  const auto tokenizer = Trained();
  EXPECT_EQ(tokenizer->sentinels(), 30);
  EXPECT_EQ(tokenizer->SentinelId(0), tokenizer->size() - 1);
  EXPECT_EQ(tokenizer->Encode("<extra_id_0>"), Ids{tokenizer->size() - 1});
  EXPECT_EQ(tokenizer->Encode("<extra_id_29><extra_id_1>"),
            (Ids{tokenizer->size() - 30, tokenizer->size() - 2}));
}

TEST(Tokenizer, EncodesTheTextsAroundASentinelOnTheirOwn) {
  const auto tokenizer = Trained();
  Ids expected = tokenizer->Encode("the fox");
  expected.push_back(tokenizer->SentinelId(3));
  for (const int32_t id : tokenizer->Encode("over")) expected.push_back(id);
  EXPECT_EQ(tokenizer->Encode("the fox<extra_id_3>over"), expected);
  EXPECT_EQ(tokenizer->Encode("the fox <extra_id_3> over"), expected);
}

TEST(Tokenizer, TakesOtherSpellingsAsText) {
  const auto tokenizer = Trained();
  for (const char* text : {"<extra_id_30>", "<extra_id_01>", "<extra_id_-1>", "<extra_id_>",
                           "<extra_id_1", "<extra_id_99999999999>"}) {
    for (const int32_t id : tokenizer->Encode(text))
      EXPECT_LT(id, tokenizer->SentinelId(29)) << text;
  }
}

TEST(Tokenizer, DecodesSentinelsAndDropsPadEosAndForeignIds) {
  const auto tokenizer = Trained();
  Ids ids = tokenizer->Encode("the fox");
  ids.insert(ids.begin(), kPadId);
  ids.push_back(tokenizer->SentinelId(2));
  for (const int32_t id : tokenizer->Encode("over")) ids.push_back(id);
  ids.insert(ids.end(), {kEosId, -5, tokenizer->size(), 1 << 30});
  EXPECT_EQ(tokenizer->Decode(ids), "the fox <extra_id_2> over");
  EXPECT_EQ(tokenizer->Decode({}), "");
}

TEST(Tokenizer, TrainsTheSameModelTwice) {
  const TempFolder one;
  const TempFolder two;
  ASSERT_TRUE(TrainTokenizer(SmallTraining(), one.path()).ok());
  ASSERT_TRUE(TrainTokenizer(SmallTraining(), two.path()).ok());
  EXPECT_EQ(*ReadFile(one.File("spiece.model")), *ReadFile(two.File("spiece.model")));
  const auto a = Tokenizer::Load(one.path());
  EXPECT_EQ((*a)->Fingerprint(), (*Tokenizer::Load(two.path()))->Fingerprint());
  TokenizerTraining other = SmallTraining();
  for (std::string& sentence : other.sentences)
    sentence += "; how vexingly quick daft zebras jump!";
  ASSERT_TRUE(TrainTokenizer(other, two.path()).ok());
  EXPECT_NE((*a)->Fingerprint(), (*Tokenizer::Load(two.path()))->Fingerprint());
}

TEST(Tokenizer, LearnsFromLinesLongerThanSentencePieceTakes) {
  TokenizerTraining training = SmallTraining();
  std::string line;
  for (const std::string& sentence : training.sentences) line += sentence.substr(0, 50) + " ";
  for (int i = 0; i < 5; ++i) line += line;
  training.sentences = {line};
  const TempFolder folder;
  ASSERT_TRUE(TrainTokenizer(training, folder.path()).ok());
  const auto tokenizer = Tokenizer::Load(folder.path());
  EXPECT_EQ((*tokenizer)->Decode((*tokenizer)->Encode("the lazy fox")), "the lazy fox");
}

TEST(Tokenizer, GivesItsFilesBackAsTheyWere) {
  const TempFolder folder;
  ASSERT_TRUE(TrainTokenizer(SmallTraining(), folder.path()).ok());
  const auto tokenizer = Tokenizer::Load(folder.path());
  ASSERT_EQ((*tokenizer)->Files().size(), 2U);
  for (const auto& [name, content] : (*tokenizer)->Files()) {
    EXPECT_EQ(content, *ReadFile(folder.File(name)));
  }
}

TEST(Tokenizer, NamesWhatIsWrongWithItsFolder) {
  const TempFolder folder;
  EXPECT_FALSE(HasTokenizer(folder.path()));
  EXPECT_EQ(ExitCode(Tokenizer::Load(folder.path()).status()), 2);
  folder.Write("spiece.model", "not a model");
  EXPECT_TRUE(HasTokenizer(folder.path()));
  const absl::Status damaged = Tokenizer::Load(folder.path()).status();
  EXPECT_EQ(ExitCode(damaged), 2);
  EXPECT_NE(damaged.message().find("is no SentencePiece model"), std::string::npos) << damaged;
  ASSERT_TRUE(TrainTokenizer(SmallTraining(), folder.path()).ok());
  folder.Write("tokenizer_config.json", R"({"extra_ids": -3})");
  const absl::Status config = Tokenizer::Load(folder.path()).status();
  EXPECT_NE(config.message().find("\"extra_ids\" is -3"), std::string::npos) << config;
}

TEST(Tokenizer, SaysSoWhereTheTextGivesFarFewerPieces) {
  const TempFolder folder;
  TokenizerTraining training;
  training.sentences = {"a small text", "a large text"};
  training.vocab_size = 1000;
  testing::internal::CaptureStderr();
  const absl::Status trained = TrainTokenizer(training, folder.path());
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(trained.ok()) << trained;
  EXPECT_NE(said.find("pieces of the 1000 asked for"), std::string::npos) << said;
}

TEST(SentencePiece, AFailureIsReportedAndNotAnEmptyText) {
  const TempFolder folder;
  TokenizerTraining training;
  training.sentences = {"a small text", "a large text"};
  training.vocab_size = 20;
  ASSERT_TRUE(TrainTokenizer(training, folder.path()).ok());
  std::string error;
  const auto model =
      SentencePieceModel::Parse(ReadFile(folder.File("spiece.model")).value(), &error);
  ASSERT_NE(model, nullptr) << error;
  const std::vector<int32_t> beyond = {1'000'000};
  EXPECT_THROW(static_cast<void>(model->Decode(beyond)), std::runtime_error);
}

TEST(Tokenizer, RefusesTrainingThatCannotSucceed) {
  const TempFolder folder;
  TokenizerTraining training = SmallTraining();
  training.vocab_size = 10;  // fewer pieces than characters
  EXPECT_EQ(ExitCode(TrainTokenizer(training, folder.path())), 2);
  training.vocab_size = 0;
  EXPECT_EQ(ExitCode(TrainTokenizer(training, folder.path())), 2);
  training = {};
  EXPECT_EQ(ExitCode(TrainTokenizer(training, folder.path())), 2);
  EXPECT_FALSE(HasTokenizer(folder.path()));
}

}  // namespace
}  // namespace regroup
