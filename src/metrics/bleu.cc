// Corpus BLEU: see bleu.h.
#include "metrics/bleu.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "metrics/ngrams.h"
#include "metrics/unicode.h"

namespace regroup {
namespace {

constexpr size_t kOrders = 4;
constexpr int kBitsPerWord = 32;
constexpr size_t kMatches = 2;           // index of the first match count in a row of statistics
constexpr size_t kTotals = 2 + kOrders;  // index of the first total
constexpr int64_t kWidth = 2 + 2 * static_cast<int64_t>(kOrders);

using WordNgrams = std::array<BagOf<absl::uint128>, kOrders>;

std::u32string Preprocess(const std::string& segment, const BleuOptions& options) {
  std::u32string text = DecodeUtf8(segment);
  if (options.lowercase) text = Lower(std::move(text));
  return SeparateTokens(StripRight(text), options.tokenizer);
}

// The reference length nearest to the hypothesis; the shorter of two equally near.
int64_t ClosestLength(int64_t length, const std::vector<std::vector<uint32_t>>& references) {
  int64_t best = -1;
  for (const auto& reference : references) {
    const auto candidate = static_cast<int64_t>(reference.size());
    const int64_t distance = std::abs(candidate - length);
    const int64_t best_distance = std::abs(best - length);
    if (best < 0 || distance < best_distance || (distance == best_distance && candidate < best)) {
      best = candidate;
    }
  }
  return best;
}

std::vector<double> RowStatistics(const std::string& prediction,
                                  const std::vector<std::string>& references,
                                  const BleuOptions& options) {
  WordIds words;
  const std::u32string hypothesis_text = Preprocess(prediction, options);
  const std::vector<uint32_t> hypothesis = words.Get(SplitWords(hypothesis_text));
  std::vector<std::u32string> reference_texts;  // all of them before any view into one is taken
  for (const std::string& reference : references)
    reference_texts.push_back(Preprocess(reference, options));
  std::vector<std::vector<uint32_t>> reference_ids;
  for (const std::u32string& text : reference_texts)
    reference_ids.push_back(words.Get(SplitWords(text)));

  std::vector<double> row(static_cast<size_t>(kWidth));
  const auto length = static_cast<int64_t>(hypothesis.size());
  row[0] = static_cast<double>(length);
  row[1] = static_cast<double>(ClosestLength(length, reference_ids));
  WordNgrams allowed = CollectNgrams<kOrders, absl::uint128>(reference_ids[0], kBitsPerWord);
  for (size_t i = 1; i < reference_ids.size(); ++i) {
    const WordNgrams more = CollectNgrams<kOrders, absl::uint128>(reference_ids[i], kBitsPerWord);
    for (size_t n = 0; n < kOrders; ++n) allowed[n] = LargerCounts(allowed[n], more[n]);
  }
  const WordNgrams found = CollectNgrams<kOrders, absl::uint128>(hypothesis, kBitsPerWord);
  for (size_t n = 0; n < kOrders; ++n) {
    row[kMatches + n] = static_cast<double>(CountShared(found[n], allowed[n]));
    row[kTotals + n] = static_cast<double>(found[n].size());
  }
  return row;
}

double BrevityPenalty(double hypothesis_length, double reference_length) {
  if (hypothesis_length >= reference_length) return 1;
  return hypothesis_length > 0 ? std::exp(1 - reference_length / hypothesis_length) : 0;
}

}  // namespace

ScoredRows ScoreBleu(const std::vector<std::string>& predictions,
                     const std::vector<std::vector<std::string>>& references,
                     const BleuOptions& options) {
  ScoredRows rows{{"bleu"}, {kWidth, {}}, [](std::span<const double> sums, int64_t) {
                    return std::vector<double>{BleuFromSums(sums).bleu};
                  }};
  for (size_t i = 0; i < predictions.size(); ++i) {
    rows.table.Append(RowStatistics(predictions[i], references[i], options));
  }
  return rows;
}

BleuScore BleuFromSums(std::span<const double> sums) {
  BleuScore score;
  score.brevity_penalty = BrevityPenalty(sums[0], sums[1]);
  const auto matches = sums.subspan(kMatches, kOrders);
  const auto totals = sums.subspan(kTotals, kOrders);
  if (std::all_of(matches.begin(), matches.end(), [](double m) { return m == 0; })) return score;

  double smoothing = 1;  // each order without a match counts as half of the one before it
  double log_sum = 0;
  bool all_positive = true;
  for (size_t n = 0; n < kOrders; ++n) {
    if (totals[n] == 0) {
      all_positive = false;
      break;
    }
    if (matches[n] == 0) smoothing *= 2;
    const double hits = matches[n] == 0 ? 1 / smoothing : matches[n];
    score.precisions[n] = 100 * hits / totals[n];
    log_sum += std::log(score.precisions[n]);
  }
  if (all_positive) score.bleu = score.brevity_penalty * std::exp(log_sum / kOrders);
  return score;
}

std::string BleuSignature(const std::vector<std::vector<std::string>>& references,
                          const BleuOptions& options) {
  return absl::StrCat("nrefs:", ReferenceCount(references),
                      "|case:", options.lowercase ? "lc" : "mixed",
                      "|eff:no|tok:", BleuTokenizerNames()[static_cast<size_t>(options.tokenizer)],
                      "|smooth:exp|version:", kSacreBleuVersion);
}

std::string ReferenceCount(const std::vector<std::vector<std::string>>& references) {
  const bool equal = std::all_of(references.begin(), references.end(), [&](const auto& row) {
    return row.size() == references.front().size();
  });
  return references.empty() || !equal ? "var" : absl::StrCat(references.front().size());
}

}  // namespace regroup
