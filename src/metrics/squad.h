// Exact match and token F1 of SQuAD v1.1 and TriviaQA after the normalization of their official
// scorers, and plain string equality. Used by metric.cc.
#pragma once

#include <string>
#include <vector>

#include "metrics/scored_rows.h"

namespace regroup {

enum class AnswerRules {
  kSquad,     // ASCII punctuation is deleted
  kTriviaQa,  // ASCII punctuation and four quotation marks become spaces
};

// Lower case, punctuation by the rules, without the words a, an, the, single spaces.
std::u32string NormalizeAnswer(const std::string& answer, AnswerRules rules);

// Statistics per row: exact match and F1 (0-1), each the best over the references; values: the
// means x 100 as "exact_match" and "f1". Rows marked in `missing` (empty = none) score 0, as the
// official scorers have it.
ScoredRows ScoreAnswers(const std::vector<std::string>& predictions,
                        const std::vector<std::vector<std::string>>& references,
                        const std::vector<bool>& missing, AnswerRules rules);

// Share of rows whose prediction equals one of its references byte for byte, as the value `name`,
// 0-100.
ScoredRows ScoreEquality(const std::vector<std::string>& predictions,
                         const std::vector<std::vector<std::string>>& references,
                         const std::vector<bool>& missing, const std::string& name);

}  // namespace regroup
