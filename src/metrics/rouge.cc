// ROUGE: see rouge.h.
#include "metrics/rouge.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "metrics/lcs.h"
#include "metrics/ngrams.h"
#include "metrics/porter_stemmer.h"
#include "metrics/unicode.h"

namespace regroup {
namespace {

constexpr int kBitsPerWord = 32;
constexpr size_t kStemLongerThan = 3;
constexpr int64_t kWidth = 4;

using Sentence = std::vector<uint32_t>;
using Scores = std::array<double, kWidth>;

// Numbers for tokens, and their stems remembered: natural text repeats its words.
class TokenIds {
 public:
  explicit TokenIds(bool stemmer) : stemmer_(stemmer) {}

  Sentence Get(const std::string& text) {
    Sentence ids;
    for (std::string& token : RougeTokens(text, false)) ids.push_back(Id(std::move(token)));
    return ids;
  }

 private:
  uint32_t Id(std::string token) {
    const auto known = by_token_.find(token);
    if (known != by_token_.end()) return known->second;
    const std::string stem = stemmer_ && token.size() > kStemLongerThan ? PorterStem(token) : token;
    const auto next = static_cast<uint32_t>(by_stem_.size());
    const uint32_t id = by_stem_.try_emplace(stem, next).first->second;
    by_token_.emplace(std::move(token), id);
    return id;
  }

  bool stemmer_;
  absl::flat_hash_map<std::string, uint32_t> by_token_;
  absl::flat_hash_map<std::string, uint32_t> by_stem_;
};

// A text in the two views that the measures need.
struct Tokens {
  Sentence all;
  std::vector<Sentence>
      sentences;  // non-empty lines; a line without tokens stays as an empty sentence
};

Tokens Tokenize(const std::string& text, const RougeOptions& options, TokenIds& ids) {
  const std::string split =
      options.sentence_split_dot ? absl::StrReplaceAll(text, {{" . ", " .\n"}}) : text;
  Tokens tokens;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(split, '\n', absl::SkipEmpty()))) {
    tokens.sentences.push_back(ids.Get(line));
    tokens.all.insert(tokens.all.end(), tokens.sentences.back().begin(),
                      tokens.sentences.back().end());
  }
  return tokens;
}

double FMeasure(int64_t hits, size_t in_reference, size_t in_prediction) {
  if (hits == 0) return 0;
  const double precision = static_cast<double>(hits) / static_cast<double>(in_prediction);
  const double recall = static_cast<double>(hits) / static_cast<double>(in_reference);
  return 2 * precision * recall / (precision + recall);
}

double RougeN(const Tokens& reference, const Tokens& prediction, int order) {
  const NgramBag expected = CollectNgrams(reference.all, order, kBitsPerWord);
  const NgramBag found = CollectNgrams(prediction.all, order, kBitsPerWord);
  return FMeasure(CountShared(expected, found), expected.size(), found.size());
}

absl::flat_hash_map<uint32_t, int64_t> CountTokens(const Sentence& tokens) {
  absl::flat_hash_map<uint32_t, int64_t> counts;
  for (const uint32_t token : tokens) ++counts[token];
  return counts;
}

// Union of the subsequences of each reference sentence with all predicted ones; a token counts no
// more often than either text holds it (ROUGE-1.5.5).
double RougeLsum(const Tokens& reference, const Tokens& prediction) {
  auto left_in_reference = CountTokens(reference.all);
  auto left_in_prediction = CountTokens(prediction.all);
  int64_t hits = 0;
  for (const Sentence& sentence : reference.sentences) {
    std::vector<bool> hit(sentence.size());
    for (const Sentence& candidate : prediction.sentences) MarkLcs(sentence, candidate, hit);
    for (size_t i = 0; i < sentence.size(); ++i) {
      if (!hit[i] || left_in_reference[sentence[i]] == 0 || left_in_prediction[sentence[i]] == 0)
        continue;
      --left_in_reference[sentence[i]];
      --left_in_prediction[sentence[i]];
      ++hits;
    }
  }
  return FMeasure(hits, reference.all.size(), prediction.all.size());
}

Scores Compare(const Tokens& reference, const Tokens& prediction) {
  const double rouge_l = FMeasure(LcsLength(reference.all, prediction.all), reference.all.size(),
                                  prediction.all.size());
  // One sentence against one: the union is the subsequence itself.
  const bool single = reference.sentences.size() <= 1 && prediction.sentences.size() <= 1;
  return {RougeN(reference, prediction, 1), RougeN(reference, prediction, 2), rouge_l,
          single ? rouge_l : RougeLsum(reference, prediction)};
}

}  // namespace

std::vector<std::string> RougeTokens(const std::string& text, bool stemmer) {
  std::vector<std::string> tokens;
  std::string token;
  const auto finish = [&] {
    if (token.empty()) return;
    tokens.push_back(stemmer && token.size() > kStemLongerThan ? PorterStem(token) : token);
    token.clear();
  };
  for (const char32_t c : Lower(DecodeUtf8(text))) {
    if ((c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9')) {
      token.push_back(static_cast<char>(c));
    } else {
      finish();
    }
  }
  finish();
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
