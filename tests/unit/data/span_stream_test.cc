// The pre-training stream: every token once an epoch, and a pure function of (seed, position).
#include <gtest/gtest.h>
#include <zlib.h>

#include "corpus_fixture.h"
#include "data/span_corruption.h"

namespace regroup {
namespace {

class SpanStream : public ::testing::Test {
 protected:
  SpanStream() {
    int32_t next = 10;
    for (const char* name : {"a0.jsonl", "a1.jsonl", "a2.jsonl"}) {
      folder_.Write(name, JsonDocuments(400, &next));
    }
    first_of_b_ = next;
    std::string lines;
    for (int i = 0; i < 100; ++i, next += 2) {
      lines += std::to_string(next) + " " + std::to_string(next + 1) + "\n";
    }
    folder_.Write("b.txt", lines);
    last_ = next;
    corpora_["a"].files = {folder_.File("a*.jsonl")};
    corpora_["b"].files = {folder_.File("b.txt")};
    corpora_["b"].format = "text";
    config_.source_length = 32;
    config_.mixture = {{"a", 3.0}, {"b", 1.0}};
  }

  std::unique_ptr<ExampleStream> Open(uint64_t seed = 1) {
    auto stream = OpenSpanCorruptionStream(config_, corpora_, TestTokenizer(), seed);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return std::move(*stream);
  }

  static Example NextOf(ExampleStream& stream) {
    auto example = stream.Next();
    EXPECT_TRUE(example.ok()) << example.status();
    return *example;
  }

  std::string ErrorOf() {
    auto stream = OpenSpanCorruptionStream(config_, corpora_, TestTokenizer(), 1);
    absl::Status status = stream.status();
    for (int i = 0; status.ok() && i < 5000; ++i) status = (*stream)->Next().status();
    EXPECT_EQ(ExitCode(status), 2);
    return std::string(status.message());
  }

  TempFolder folder_;
  int32_t first_of_b_ = 0;
  int32_t last_ = 0;
  std::map<std::string, CorpusConfig> corpora_;
  SpanCorruptionConfig config_;
};

void ExpectSame(const Example& a, const Example& b) {
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.input_ids, b.input_ids);
  EXPECT_EQ(a.target_ids, b.target_ids);
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(SpanStream, GivesEveryTokenOnceAnEpochButForSegmentsOfOneToken) {
  config_.mixture = {{"a", 1.0}};
  const auto stream = Open();
  std::vector<int> seen(static_cast<size_t>(first_of_b_));
  size_t total = 0;
  for (int epoch = 1; epoch <= 3; ++epoch) {
    const size_t all = static_cast<size_t>(epoch) * (seen.size() - 10);
    while (total + 16 < all) {  // at most one token for each of the blobs of an epoch is left out
      for (const int32_t id : Restore(NextOf(*stream))) {
        EXPECT_LE(++seen[static_cast<size_t>(id)], epoch);
        ++total;
      }
    }
  }
  int missing = 0;
  for (size_t id = 10; id < seen.size(); ++id) missing += seen[id] < 3 ? 1 : 0;
  EXPECT_LE(missing, 3 * 16 + 35) << "one-token segments, and the last segment not yet read";
}

TEST_F(SpanStream, CutsSegmentsOfTheComputedLength) {
  const SpanLengths lengths = ComputeSpanLengths(32, 0.15, 3.0);
  const auto stream = Open();
  int full = 0;
  for (int i = 0; i < 500; ++i) {
    const Example example = NextOf(*stream);
    const auto tokens = static_cast<int64_t>(Restore(example).size());
    ASSERT_GE(tokens, 2);
    ASSERT_LE(tokens, lengths.tokens);
    ASSERT_LE(static_cast<int64_t>(example.input_ids.size()), lengths.source);
    ASSERT_LE(static_cast<int64_t>(example.target_ids.size()), lengths.target);
    full += tokens == lengths.tokens ? 1 : 0;
  }
  EXPECT_GT(full, 450);
}

TEST_F(SpanStream, JoinsDocumentsInFileOrderAndShufflesSegments) {
  config_.mixture = {{"a", 1.0}};
  const auto stream = Open();
  std::vector<int32_t> firsts;
  int jumps = 0;  // tokens count up, but where a file ends another one goes on
  for (int i = 0; i < 300; ++i) {
    const std::vector<int32_t> ids = Restore(NextOf(*stream));
    for (size_t k = 1; k < ids.size(); ++k) jumps += ids[k] == ids[k - 1] + 1 ? 0 : 1;
    firsts.push_back(ids.front());
  }
  EXPECT_LE(jumps, 2);
  EXPECT_FALSE(std::is_sorted(firsts.begin(), firsts.end()));
}

TEST_F(SpanStream, DrawsCorporaByTheirWeights) {
  const auto stream = Open();
  int of_b = 0;
  for (int i = 0; i < 2000; ++i) of_b += Restore(NextOf(*stream)).front() >= first_of_b_ ? 1 : 0;
  EXPECT_NEAR(of_b, 500, 80);
}

TEST_F(SpanStream, DependsOnTheSeed) {
  const auto one = Open(1);
  const auto same = Open(1);
  const auto other = Open(2);
  int differ = 0;
  for (int i = 0; i < 50; ++i) {
    const Example example = NextOf(*one);
    ExpectSame(example, NextOf(*same));
    differ += example.input_ids != NextOf(*other).input_ids ? 1 : 0;
  }
  EXPECT_GT(differ, 45);
}

// 3000 examples are several epochs of both corpora, with two windows in each epoch of `a`.
TEST_F(SpanStream, SeekingEqualsReadingThroughWithAndWithoutHintTwiceInARow) {
  constexpr uint64_t kCount = 3000;
  const auto read = Open();
  std::vector<Example> examples;
  std::vector<Json> hints;
  for (uint64_t i = 0; i < kCount; ++i) {
    hints.push_back(read->Hint());
    EXPECT_EQ(read->position(), i);
    examples.push_back(NextOf(*read));
  }
  CounterRng rng(5, RandomPurpose::kTest, 0);
  const auto seeking = Open();
  for (int trial = 0; trial < 60; ++trial) {
    const uint64_t position = rng.Below(kCount - 30);
    // None; of the place itself; of a place before it; of a place behind it.
    const Json hint = trial % 4 == 0   ? Json()
                      : trial % 4 == 1 ? hints[position]
                      : trial % 4 == 2 ? hints[rng.Below(position + 1)]
                                       : hints[position + 20];
    ASSERT_TRUE(seeking->Seek(position, hint).ok());
    for (uint64_t k = 0; k < 10; ++k) ExpectSame(NextOf(*seeking), examples[position + k]);
    const Json second = seeking->Hint();
    ASSERT_TRUE(Open()->Seek(position + 10, second).ok());
    ASSERT_TRUE(seeking->Seek(position + 10, second).ok());
    for (uint64_t k = 10; k < 20; ++k) ExpectSame(NextOf(*seeking), examples[position + k]);
  }
}

TEST_F(SpanStream, FreshStreamsFollowHintsThroughJsonText) {
  const auto read = Open();
  for (int i = 0; i < 777; ++i) NextOf(*read);
  const Json hint = *ParseJson(DumpJson(read->Hint()), "hint");
  const auto fresh = Open();
  ASSERT_TRUE(fresh->Seek(777, hint).ok());
  for (int i = 0; i < 900; ++i) ExpectSame(NextOf(*fresh), NextOf(*read));
}

// A first line that was broken after opening stops every stream that reads it again.
TEST_F(SpanStream, SeeksWithAHintWithoutReadingWhatLiesBefore) {
  config_.mixture = {{"a", 1.0}};
  const auto read = Open();
  while (read->Hint()["corpora"]["a"]["window"] != Json(1)) NextOf(*read);
  const Json hint = read->Hint();
  const uint64_t position = read->position();
  const Example expected = NextOf(*read);
  const auto with_hint = Open();
  const auto from_text = Open();
  const auto without = Open();
  for (const char* name : {"a0.jsonl", "a1.jsonl", "a2.jsonl"}) {
    std::fstream(folder_.File(name), std::ios::in | std::ios::out) << 'x';
  }
  ASSERT_TRUE(with_hint->Seek(position, hint).ok());
  ExpectSame(NextOf(*with_hint), expected);
  ASSERT_TRUE(from_text->Seek(position, *ParseJson(DumpJson(hint), "hint")).ok());
  ExpectSame(NextOf(*from_text), expected);
  EXPECT_EQ(ExitCode(without->Seek(position, Json())), 2) << "the control: this one reads it";
}

TEST_F(SpanStream, IgnoresHintsThatAreNotItsOwn) {
  const auto other = Open(2);
  for (int i = 0; i < 100; ++i) NextOf(*other);
  const auto read = Open();
  for (int i = 0; i < 100; ++i) NextOf(*read);
  const Example expected = NextOf(*read);
  Json broken = Open()->Hint();
  broken["position"] = 100;
  broken["corpora"] = 3;
  for (const Json& hint : {other->Hint(), broken, Json("text"), Json::array(), Json::object()}) {
    const auto stream = Open();
    ASSERT_TRUE(stream->Seek(100, hint).ok());
    ExpectSame(NextOf(*stream), expected);
  }
}

TEST_F(SpanStream, AnotherCorpusBesideItChangesNothingInACorpusOwnOrder) {
  config_.mixture = {{"a", 1.0}};
  const auto alone = Open();
  config_.mixture = {{"a", 1.0}, {"b", 1.0}};
  const auto mixed = Open();
  int compared = 0;
  for (int i = 0; i < 400; ++i) {
    const std::vector<int32_t> ids = Restore(NextOf(*mixed));
    if (ids.front() >= first_of_b_) continue;
    EXPECT_EQ(ids, Restore(NextOf(*alone)));
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

TEST_F(SpanStream, ReadsCompressedCorporaAlike) {
  config_.mixture = {{"a", 1.0}};
  corpora_["a"].files = {folder_.File("a0.jsonl")};
  const auto plain = Open();
  int32_t next = 10;
  const std::string text = JsonDocuments(400, &next);
  gzFile out = gzopen(folder_.File("a0.jsonl.gz").c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  corpora_["a"].files = {folder_.File("a0.jsonl.gz")};
  const auto compressed = Open();
  for (int i = 0; i < 300; ++i) ExpectSame(NextOf(*plain), NextOf(*compressed));
  EXPECT_NE(plain->Fingerprint(), compressed->Fingerprint());
}

TEST_F(SpanStream, TakesOneAlignedChunkOfAnOverlongDocument) {
  std::string text;
  for (int32_t id = 10; id < 10 + 150'000; ++id) text += std::to_string(id) + " ";
  folder_.Write("long.txt", text + "\n");
  corpora_["b"].files = {folder_.File("long.txt")};
  config_.mixture = {{"b", 1.0}};
  const auto stream = Open();
  std::map<int32_t, int64_t> tokens_of_chunk;
  for (int64_t read = 0; read < 5'000 * 33;) {
    for (const int32_t id : Restore(NextOf(*stream))) ++tokens_of_chunk[(id - 10) / 65536], ++read;
  }
  EXPECT_GE(tokens_of_chunk.size(), 2U) << "each epoch draws its chunk";
  config_.source_length = 300;
  const auto held_out = ReadHeldOut(config_, corpora_, TestTokenizer(), 1, 100'000);
  ASSERT_TRUE(held_out.ok());
  std::vector<int32_t> ids;
  for (const Example& example : *held_out) {
    for (const int32_t id : Restore(example)) ids.push_back(id);
  }
  EXPECT_EQ((ids.front() - 10) % 65536, 0);
  EXPECT_TRUE(ids.size() == 65536 || ids.size() == 150'000 - 2 * 65536) << ids.size();
}

TEST_F(SpanStream, HeldOutIsOnePassInFileOrderWithFixedMasks) {
  config_.mixture = {{"a", 1.0}};
  const auto once = ReadHeldOut(config_, corpora_, TestTokenizer(), 1, 50);
  const auto again = ReadHeldOut(config_, corpora_, TestTokenizer(), 1, 1'000'000);
  ASSERT_TRUE(once.ok() && again.ok());
  ASSERT_EQ(once->size(), 50U);
  for (size_t i = 0; i < once->size(); ++i) ExpectSame((*once)[i], (*again)[i]);
  int32_t last = 9;
  for (const Example& example : *again) {
    for (const int32_t id : Restore(example)) {
      ASSERT_GT(id, last);
      last = id;
    }
  }
  EXPECT_GE(last, first_of_b_ - 2);
}

TEST_F(SpanStream, HeldOutTakesCorporaInTurns) {
  const auto examples = ReadHeldOut(config_, corpora_, TestTokenizer(), 1, 4);
  ASSERT_TRUE(examples.ok());
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(Restore((*examples)[i]).front() >= first_of_b_, i % 2 == 1);
  }
}

TEST_F(SpanStream, FingerprintKnowsFilesAndLengthsButNotFolders) {
  const Json before = Open()->Fingerprint();
  EXPECT_EQ(before, Open(2)->Fingerprint());
  EXPECT_EQ(DumpJson(before).find(folder_.path()), std::string::npos);
  config_.source_length = 33;
  EXPECT_NE(before, Open()->Fingerprint());
  config_.source_length = 32;
  folder_.Write("b.txt", "10 11 12\n");
  EXPECT_NE(before, Open()->Fingerprint());
}

TEST_F(SpanStream, NamesFileAndLineOfABadDocument) {
  config_.mixture = {{"a", 1.0}};
  corpora_["a"].files = {folder_.Write("bad.jsonl", "{\"text\": \"10 11\"}\n{\"txt\": \"12\"}\n")};
  EXPECT_HAS(ErrorOf(), "bad.jsonl:2: has no key \"text\" (did you mean \"txt\"?)");
  folder_.Write("bad.jsonl", "{\"text\": \"10 11\"}\n\n{\"text\": 3}\n");
  EXPECT_HAS(ErrorOf(), "bad.jsonl:3: \"text\" is no text");
  folder_.Write("bad.jsonl", "{\"text\": \n");
  EXPECT_HAS(ErrorOf(), "bad.jsonl:1: not valid JSON");
  folder_.Write("bad.jsonl", "[1]\n");
  EXPECT_HAS(ErrorOf(), "bad.jsonl:1: expected a JSON object");
  corpora_["a"].format = "text";
  corpora_["a"].files = {folder_.Write("bad.txt", "10 11\n10 \xFF\n")};
  EXPECT_HAS(ErrorOf(), "bad.txt:2: not valid UTF-8 (column 4)");
}

TEST_F(SpanStream, RefusesCorporaAndMixturesThatCannotWork) {
  config_.mixture = {{"bb", 1.0}};
  EXPECT_HAS(ErrorOf(), "mixture.bb: there is no such corpus (did you mean \"b\"?)");
  config_.mixture = {{"b", 0.0}};
  EXPECT_HAS(ErrorOf(), "expected a number above 0");
  config_.mixture = {{"b", 1.0}};
  corpora_["b"].files = {folder_.Write("one.txt", "10\n\n")};
  EXPECT_HAS(ErrorOf(), "corpora.b: its files hold no text of two tokens or more");
  corpora_["b"].files = {folder_.File("none*")};
  EXPECT_HAS(ErrorOf(), "no file matches");
  corpora_["b"].files = {};
  EXPECT_HAS(ErrorOf(), "names no files");
  config_.source_length = 4096;
  EXPECT_HAS(ErrorOf(), "the tokenizer has 100 sentinels");
}

}  // namespace
}  // namespace regroup
