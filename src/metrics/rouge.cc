// ROUGE: see rouge.h.
#include "metrics/rouge.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "metrics/lcs.h"
#include "metrics/ngrams.h"
#include "metrics/porter_stemmer.h"

namespace regroup {
namespace {

constexpr int kBitsPerWord = 32;
constexpr size_t kStemLongerThan = 3;
constexpr int64_t kWidth = 4;

using Sentence = std::vector<uint32_t>;
using Scores = std::array<double, kWidth>;

// How many bytes at `at` stand for `letter` once the text is in lower case; 0 where no letter a-z
// or digit begins. Beside ASCII, two code points have such a letter in their lower case.
size_t LetterAt(std::string_view text, size_t at, char& letter) {
  const char c = text[at];
  letter = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if ((letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9')) return 1;
  if (static_cast<unsigned char>(c) < 0x80) return 0;
  const std::string_view rest = text.substr(at);
  letter = 'k';
  return rest.starts_with("\u212A") ? 3 : 0;  // the Kelvin sign
}

// Calls `use` with every run of letters and digits.
template <typename Use>
void ForEachToken(std::string_view text, Use use) {
  constexpr std::string_view kDottedI = "\u0130";  // in lower case an i and a combining dot
  std::string token;
  const auto finish = [&] {
    if (!token.empty()) use(token);
    token.clear();
  };
  for (size_t at = 0; at < text.size();) {
    char letter = 0;
    const size_t bytes = LetterAt(text, at, letter);
    if (bytes > 0) {
      token.push_back(letter);
    } else {
      if (text.substr(at).starts_with(kDottedI)) token.push_back('i');
      finish();
    }
    at += std::max<size_t>(bytes, 1);
  }
  finish();
}

std::string StemOf(const std::string& token, bool stemmer) {
  return stemmer && token.size() > kStemLongerThan ? PorterStem(token) : token;
}

// Numbers for tokens, and their stems remembered: natural text repeats its words.
class TokenIds {
 public:
  explicit TokenIds(bool stemmer) : stemmer_(stemmer) {}

  Sentence Get(std::string_view text) {
    Sentence ids;
    ForEachToken(text, [&](const std::string& token) { ids.push_back(Id(token)); });
    return ids;
  }

 private:
  uint32_t Id(const std::string& token) {
    const auto known = by_token_.find(token);
    if (known != by_token_.end()) return known->second;
    const auto next = static_cast<uint32_t>(by_stem_.size());
    const uint32_t id = by_stem_.try_emplace(StemOf(token, stemmer_), next).first->second;
    by_token_.emplace(token, id);
    return id;
  }

  bool stemmer_;
  absl::flat_hash_map<std::string, uint32_t> by_token_;
  absl::flat_hash_map<std::string, uint32_t> by_stem_;
};

// A text in the views that the measures need.
struct Tokens {
  Sentence all;
  std::vector<Sentence> sentences;        // non-empty lines; a line without tokens stays, empty
  std::array<BagOf<uint64_t>, 2> ngrams;  // unigrams, bigrams
};

Tokens Tokenize(const std::string& text, const RougeOptions& options, TokenIds& ids) {
  const std::string split =
      options.sentence_split_dot ? absl::StrReplaceAll(text, {{" . ", " .\n"}}) : text;
  Tokens tokens;
  for (const absl::string_view line : absl::StrSplit(split, '\n', absl::SkipEmpty())) {
    tokens.sentences.push_back(ids.Get({line.data(), line.size()}));
    tokens.all.insert(tokens.all.end(), tokens.sentences.back().begin(),
                      tokens.sentences.back().end());
  }
  tokens.ngrams = CollectNgrams<2, uint64_t>(tokens.all, kBitsPerWord);
  return tokens;
}

double FMeasure(int64_t hits, size_t in_reference, size_t in_prediction) {
  if (hits == 0) return 0;
  const double precision = static_cast<double>(hits) / static_cast<double>(in_prediction);
  const double recall = static_cast<double>(hits) / static_cast<double>(in_reference);
  return 2 * precision * recall / (precision + recall);
}

double RougeN(const BagOf<uint64_t>& reference, const BagOf<uint64_t>& prediction) {
  return FMeasure(CountShared(reference, prediction), reference.size(), prediction.size());
}

// Union of the subsequences of each reference sentence with all predicted ones; a token counts no
// more often than either text holds it (ROUGE-1.5.5).
double RougeLsum(const Tokens& reference, const Tokens& prediction) {
  Sentence hits;
  for (const Sentence& sentence : reference.sentences) {
    std::vector<bool> hit(sentence.size());
    for (const Sentence& candidate : prediction.sentences) MarkLcs(sentence, candidate, hit);
    for (size_t i = 0; i < sentence.size(); ++i) {
      if (hit[i]) hits.push_back(sentence[i]);
    }
  }
  const auto unigrams = CollectNgrams<1, uint64_t>(hits, kBitsPerWord);
  return FMeasure(CountShared(unigrams[0], prediction.ngrams[0]), reference.all.size(),
                  prediction.all.size());
}

Scores Compare(const Tokens& reference, const Tokens& prediction) {
  const double rouge_l = FMeasure(LcsLength(reference.all, prediction.all), reference.all.size(),
                                  prediction.all.size());
  // One sentence against one: the union is the subsequence itself.
  const bool single = reference.sentences.size() <= 1 && prediction.sentences.size() <= 1;
  return {RougeN(reference.ngrams[0], prediction.ngrams[0]),
          RougeN(reference.ngrams[1], prediction.ngrams[1]), rouge_l,
          single ? rouge_l : RougeLsum(reference, prediction)};
}

}  // namespace

std::vector<std::string> RougeTokens(const std::string& text, bool stemmer) {
  std::vector<std::string> tokens;
  ForEachToken(text, [&](const std::string& token) { tokens.push_back(StemOf(token, stemmer)); });
  return tokens;
}

ScoredRows ScoreRouge(const std::vector<std::string>& predictions,
                      const std::vector<std::vector<std::string>>& references,
                      const RougeOptions& options) {
  ScoredRows rows{{"rouge1", "rouge2", "rougeL", "rougeLsum"}, {kWidth, {}}, MeanPercent};
  TokenIds ids(options.stemmer);
  for (size_t i = 0; i < predictions.size(); ++i) {
    const Tokens prediction = Tokenize(predictions[i], options, ids);
    Scores best{};
    for (const std::string& reference : references[i]) {
      const Scores scores = Compare(Tokenize(reference, options, ids), prediction);
      for (size_t k = 0; k < best.size(); ++k) best[k] = std::max(best[k], scores[k]);
    }
    rows.table.Append(best);
  }
  return rows;
}

}  // namespace regroup
