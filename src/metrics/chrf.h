// chrF2 (Popovic 2015) exactly as sacreBLEU 2.6 computes it by default: character 1- to 6-grams
// without white space, beta 2, no word n-grams, effective order. Used by metric.cc.
#pragma once

#include <string>
#include <vector>

#include "metrics/scored_rows.h"

namespace regroup {

// Statistics per row, of its best reference: for each order the n-grams of the hypothesis, of the
// reference, and the shared ones. Each row has at least one reference. The only value is "chrf".
ScoredRows ScoreChrf(const std::vector<std::string>& predictions,
                     const std::vector<std::vector<std::string>>& references, bool lowercase);

// sacreBLEU's signature, for instance
// "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0".
std::string ChrfSignature(const std::vector<std::vector<std::string>>& references, bool lowercase);

}  // namespace regroup
