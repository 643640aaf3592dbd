// chrF2: see chrf.h.
#include "metrics/chrf.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "metrics/bleu.h"
#include "metrics/ngrams.h"
#include "metrics/unicode.h"

namespace regroup {
namespace {

constexpr size_t kOrders = 6;
constexpr int kBitsPerCharacter = 21;
constexpr double kBetaSquared = 4;
constexpr int64_t kWidth = 3 * static_cast<int64_t>(kOrders);

using CharacterNgrams = std::array<BagOf<absl::uint128>, kOrders>;

CharacterNgrams Collect(const std::string& segment, bool lowercase) {
  std::u32string text = DecodeUtf8(segment);
  if (lowercase) text = Lower(std::move(text));
  std::vector<uint32_t> characters;
  std::copy_if(text.begin(), text.end(), std::back_inserter(characters),
               [](char32_t c) { return !IsSpace(c); });
  return CollectNgrams<kOrders, absl::uint128>(characters, kBitsPerCharacter);
}

std::vector<double> Compare(const CharacterNgrams& hypothesis, const CharacterNgrams& reference) {
  std::vector<double> row;
  for (size_t n = 0; n < kOrders; ++n) {
    row.push_back(reference[n].empty() ? 0 : static_cast<double>(hypothesis[n].size()));
    row.push_back(static_cast<double>(reference[n].size()));
    row.push_back(static_cast<double>(CountShared(hypothesis[n], reference[n])));
  }
  return row;
}

// F-beta of the precision and recall averaged over the orders that both sides have.
double FScore(std::span<const double> sums) {
  double precision = 0;
  double recall = 0;
  int orders = 0;
  for (size_t n = 0; n < kOrders; ++n) {
    const double in_hypothesis = sums[3 * n];
    const double in_reference = sums[3 * n + 1];
    if (in_hypothesis == 0 || in_reference == 0) continue;
    precision += sums[3 * n + 2] / in_hypothesis;
    recall += sums[3 * n + 2] / in_reference;
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= orders;
  recall /= orders;
  return 100 * (1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall);
}

std::vector<double> BestRow(const std::string& prediction,
                            const std::vector<std::string>& references, bool lowercase) {
  const CharacterNgrams hypothesis = Collect(prediction, lowercase);
  std::vector<double> best;
  for (const std::string& reference : references) {
    std::vector<double> row = Compare(hypothesis, Collect(reference, lowercase));
    if (best.empty() || FScore(row) > FScore(best)) best = std::move(row);
  }
  return best;
}

}  // namespace

ScoredRows ScoreChrf(const std::vector<std::string>& predictions,
                     const std::vector<std::vector<std::string>>& references, bool lowercase) {
  ScoredRows rows{{"chrf"}, {kWidth, {}}, [](std::span<const double> sums, int64_t) {
                    return std::vector<double>{FScore(sums)};
                  }};
  for (size_t i = 0; i < predictions.size(); ++i) {
    rows.table.Append(BestRow(predictions[i], references[i], lowercase));
  }
  return rows;
}

std::string ChrfSignature(const std::vector<std::vector<std::string>>& references, bool lowercase) {
  return absl::StrCat("nrefs:", ReferenceCount(references), "|case:", lowercase ? "lc" : "mixed",
                      "|eff:yes|nc:6|nw:0|space:no|version:", kSacreBleuVersion);
}

}  // namespace regroup
