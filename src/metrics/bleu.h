// Corpus BLEU (Papineni et al. 2002) exactly as sacreBLEU 2.6 computes it: up to 4-grams,
// exponential smoothing, no effective order, the closest reference length. Used by metric.cc.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "metrics/bleu_tokenize.h"
#include "metrics/scored_rows.h"

namespace regroup {

struct BleuOptions {
  BleuTokenizer tokenizer = BleuTokenizer::k13a;
  bool lowercase = false;
};

struct BleuScore {
  double bleu = 0;                     // 0-100
  std::array<double, 4> precisions{};  // 0-100, by n-gram order
  double brevity_penalty = 0;          // 0-1
};

// Statistics per row: hypothesis length, reference length, matches of 1..4-grams, their totals.
// Each row has at least one reference. The only value is "bleu".
ScoredRows ScoreBleu(const std::vector<std::string>& predictions,
                     const std::vector<std::vector<std::string>>& references,
                     const BleuOptions& options);

BleuScore BleuFromSums(std::span<const double> sums);

// sacreBLEU's signature, for instance "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0".
std::string BleuSignature(const std::vector<std::vector<std::string>>& references,
                          const BleuOptions& options);

// The number of references of every row, or "var" where rows differ, as signatures state it.
std::string ReferenceCount(const std::vector<std::vector<std::string>>& references);

// The release of sacreBLEU that the goldens come from, which signatures name.
inline constexpr char kSacreBleuVersion[] = "2.6.0";

}  // namespace regroup
