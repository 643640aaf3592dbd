// mT5's, umT5's and ByT5's vocabularies against transformers, and 1,000 lines of odd Unicode
// against SentencePiece's own library (made by make_families_golden.py).
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/json.h"
#include "support/temp_folder.h"
#include "text/byte_tokenizer.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

using Ids = std::vector<int32_t>;

std::string GoldenFile(const std::string& name) { return JoinPath(REGROUP_GOLDEN_DIR, name); }

const Json& Golden() {
  static const Json* golden = new Json(*ReadJsonFile(GoldenFile("families_golden.json")));
  return *golden;
}

// The tokenizer of a folder that holds `model` as spiece.model and `config`, where there is one.
std::shared_ptr<const Tokenizer> Load(const std::string& model, const Json& config) {
  const TempFolder folder;
  folder.Write("spiece.model", *ReadFile(GoldenFile(model + ".model")));
  if (!config.empty()) folder.Write("tokenizer_config.json", DumpJson(config));
  const auto tokenizer = Tokenizer::Load(folder.path());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *tokenizer : nullptr;
}

std::shared_ptr<const Tokenizer> LoadBytes() {
  const TempFolder folder;
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "ByT5Tokenizer"})");
  return *Tokenizer::Load(folder.path());
}

std::string Fnv1a(const std::string& text) {
  uint64_t value = 0xCBF29CE484222325ULL;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return absl::StrCat(absl::Hex(value, absl::kZeroPad16));
}

TEST(FamiliesGolden, SentinelsHaveTheIdsOfHuggingFaceAndComeBack) {
  for (const auto& [name, family] : Golden()["families"].items()) {
    const auto tokenizer = Load(name, family["config"]);
    ASSERT_NE(tokenizer, nullptr) << name;
    EXPECT_EQ(tokenizer->size(), family["size"].get<int32_t>()) << name;
    ASSERT_EQ(tokenizer->sentinels(), family["sentinels"].get<int32_t>()) << name;
    const Ids expected = family["ids"].get<Ids>();
    for (int32_t n = 0; n < tokenizer->sentinels(); ++n) {
      const std::string text = absl::StrCat("<extra_id_", n, ">");
      const Ids ids = tokenizer->Encode(text);
      EXPECT_EQ(ids, Ids{expected[static_cast<size_t>(n)]}) << name << n;
      EXPECT_EQ(tokenizer->SentinelId(n), ids.front()) << name << n;
      EXPECT_EQ(tokenizer->Decode(ids), text) << name;
    }
  }
}

TEST(FamiliesGolden, SentencesHaveTheIdsOfHuggingFace) {
  for (const auto& [name, family] : Golden()["families"].items()) {
    const auto tokenizer = Load(name, family["config"]);
    ASSERT_GE(family["cases"].size(), 6U) << name;
    for (const Json& test : family["cases"]) {
      const std::string text = test["text"].get<std::string>();
      EXPECT_EQ(tokenizer->Encode(text), test["ids"].get<Ids>()) << name << ": " << text;
    }
  }
}

// The control: the same pieces read as another family's give other ids.
TEST(FamiliesGolden, MissesThemWithAnotherFamilysArrangement) {
  const Json& mt5 = Golden()["families"]["mt5"];
  const auto on_top = Load("mt5", Json{{"extra_ids", 100}});
  EXPECT_NE(on_top->Encode("<extra_id_0>"), Ids{mt5["first"].get<int32_t>()});
  const Json& umt5 = Golden()["families"]["umt5"];
  EXPECT_NE(Load("umt5", Json::object())->Encode("<extra_id_0>"),
            Ids{umt5["first"].get<int32_t>()});
}

// How many of the odd lines' ids, and how many texts of those ids, are as SentencePiece's.
std::pair<int, int> OddLinesAsIn(const std::string& name, const Tokenizer& tokenizer) {
  const Json& odd = Golden()["odd"];
  const Json& expected = odd[name];
  std::pair<int, int> equal;
  for (size_t i = 0; i < odd["lines"].size(); ++i) {
    const Ids ids = tokenizer.Encode(odd["lines"][i].get<std::string>());
    equal.first += Fnv1a(absl::StrJoin(ids, " ")) == expected["ids"][i].get<std::string>() ? 1 : 0;
    equal.second += Fnv1a(tokenizer.Decode(ids)) == expected["texts"][i].get<std::string>() ? 1 : 0;
    if (i < expected["whole"].size()) {
      EXPECT_EQ(ids, expected["whole"][i].get<Ids>()) << i;
    }
  }
  return equal;
}

TEST(FamiliesGolden, AThousandOddLinesHaveTheIdsOfSentencePiece) {
  ASSERT_EQ(Golden()["odd"]["lines"].size(), 1000U);
  EXPECT_EQ(OddLinesAsIn("spiece", *Load("spiece", Json::object())), std::make_pair(1000, 1000));
  EXPECT_EQ(OddLinesAsIn("mt5", *Load("mt5", Json{{"extra_ids", 0}})), std::make_pair(1000, 1000));
}

// The control: one model's hashes are not the other's.
TEST(FamiliesGolden, OddLinesTellModelsApart) {
  const Json& odd = Golden()["odd"];
  const auto mt5 = Load("mt5", Json{{"extra_ids", 0}});
  int equal = 0;
  for (size_t i = 0; i < odd["lines"].size(); ++i) {
    const Ids ids = mt5->Encode(odd["lines"][i].get<std::string>());
    equal += Fnv1a(absl::StrJoin(ids, " ")) == odd["spiece"]["ids"][i].get<std::string>() ? 1 : 0;
  }
  EXPECT_LT(equal, 20);
}

TEST(FamiliesGolden, BytesHaveTheIdsOfHuggingFace) {
  const auto tokenizer = LoadBytes();
  const Json& golden = Golden()["bytes"];
  EXPECT_EQ(tokenizer->size(), golden["size"].get<int32_t>());
  ASSERT_EQ(golden["sentinels"].size(), static_cast<size_t>(tokenizer->sentinels()));
  for (int32_t n = 0; n < tokenizer->sentinels(); ++n) {
    EXPECT_EQ(tokenizer->Encode(absl::StrCat("<extra_id_", n, ">")),
              Ids{golden["sentinels"][static_cast<size_t>(n)].get<int32_t>()});
  }
  for (const Json& test : golden["encode"]) {
    const std::string text = test["text"].get<std::string>();
    const Ids ids = tokenizer->Encode(text);
    EXPECT_EQ(ids, test["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer->Decode(ids), text);
  }
  for (const Json& line : Golden()["odd"]["lines"]) {
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(line.get<std::string>())),
              line.get<std::string>());
  }
}

TEST(FamiliesGolden, BytesGiveAFileThatHuggingFaceLoads) {
  const auto files = MakeByteTokenizer(kByteSentinels, {})->Files();
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].first, "tokenizer_config.json");
  EXPECT_EQ(*ParseJson(files[0].second, "config"), Golden()["bytes"]["config"]);
}

TEST(FamiliesGolden, BytesThatAreNoUtf8AreLeftOutAsByHuggingFace) {
  const auto tokenizer = LoadBytes();
  int shorter = 0;  // the control: without leaving anything out they would differ
  for (const Json& test : Golden()["bytes"]["decode"]) {
    const Ids ids = test["ids"].get<Ids>();
    const std::string text = test["text"].get<std::string>();
    EXPECT_EQ(tokenizer->Decode(ids), text) << DumpJson(test);
    shorter += tokenizer->Encode(text).size() < ids.size() ? 1 : 0;
  }
  EXPECT_GT(shorter, 80);
}

}  // namespace
}  // namespace regroup
