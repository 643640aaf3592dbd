// ROUGE-1, -2, -L and -Lsum (Lin 2004) exactly as rouge_score 0.1.2 computes them: F measures, the
// best reference for each. Used by metric.cc.
#pragma once

#include <string>
#include <vector>

#include "metrics/scored_rows.h"

namespace regroup {

struct RougeOptions {
  bool stemmer = false;             // Porter stems of tokens longer than three letters
  bool sentence_split_dot = false;  // T5's rule: " . " ends a sentence, for Lsum
};

// Lower-case runs of a-z and 0-9, stemmed when asked for.
std::vector<std::string> RougeTokens(const std::string& text, bool stemmer);

// Statistics per row: the four F measures (0-1); values: their means x 100 as "rouge1", "rouge2",
// "rougeL", "rougeLsum" (sentences are lines). Each row has at least one reference.
ScoredRows ScoreRouge(const std::vector<std::string>& predictions,
                      const std::vector<std::vector<std::string>>& references,
                      const RougeOptions& options);

}  // namespace regroup
