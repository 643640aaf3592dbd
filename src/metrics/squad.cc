// SQuAD and TriviaQA scores: see squad.h.
#include "metrics/squad.h"

#include <algorithm>
#include <iterator>

#include "metrics/unicode.h"

namespace regroup {
namespace {

// string.punctuation of Python.
bool IsAsciiPunctuation(char32_t c) {
  return (c >= U'!' && c <= U'/') || (c >= U':' && c <= U'@') || (c >= U'[' && c <= U'`') ||
         (c >= U'{' && c <= U'~');
}

std::u32string HandlePunctuation(const std::u32string& text, AnswerRules rules) {
  std::u32string out;
  for (const char32_t c : text) {
    const bool quote = c == U'\u2018' || c == U'\u2019' || c == U'\u00B4';
    if (rules == AnswerRules::kTriviaQa && (quote || IsAsciiPunctuation(c))) {
      out.push_back(U' ');
    } else if (rules == AnswerRules::kTriviaQa || !IsAsciiPunctuation(c)) {
      out.push_back(c);
    }
  }
  return out;
}

// \b(a|an|the)\b -> " ": a run of word characters that is an article as a whole.
std::u32string WithoutArticles(const std::u32string& text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    const bool word = IsWord(text[i]);
    size_t end = i + 1;
    while (end < text.size() && IsWord(text[end]) == word) ++end;
    const std::u32string_view run = std::u32string_view(text).substr(i, end - i);
    out += run == U"a" || run == U"an" || run == U"the" ? U" " : run;
    i = end;
  }
  return out;
}

std::vector<std::u32string_view> SortedWords(std::u32string_view text) {
  std::vector<std::u32string_view> words = SplitWords(text);
  std::sort(words.begin(), words.end());
  return words;
}

double TokenF1(const std::u32string& reference, const std::u32string& prediction) {
  const auto expected = SortedWords(reference);
  const auto found = SortedWords(prediction);
  std::vector<std::u32string_view> shared;
  std::set_intersection(expected.begin(), expected.end(), found.begin(), found.end(),
                        std::back_inserter(shared));
  if (shared.empty()) return 0;
  const double precision = static_cast<double>(shared.size()) / static_cast<double>(found.size());
  const double recall = static_cast<double>(shared.size()) / static_cast<double>(expected.size());
  return 2 * precision * recall / (precision + recall);
}

bool IsMissing(const std::vector<bool>& missing, size_t row) {
  return !missing.empty() && missing[row];
}

}  // namespace

std::u32string NormalizeAnswer(const std::string& answer, AnswerRules rules) {
  const std::u32string text = WithoutArticles(HandlePunctuation(Lower(DecodeUtf8(answer)), rules));
  std::u32string out;
  for (const std::u32string_view word : SplitWords(text)) {
    if (!out.empty()) out.push_back(U' ');
    out += word;
  }
  return out;
}

ScoredRows ScoreAnswers(const std::vector<std::string>& predictions,
                        const std::vector<std::vector<std::string>>& references,
                        const std::vector<bool>& missing, AnswerRules rules) {
  ScoredRows rows{{"exact_match", "f1"}, {2, {}}, MeanPercent};
  for (size_t i = 0; i < predictions.size(); ++i) {
    const std::u32string prediction = NormalizeAnswer(predictions[i], rules);
    double exact = 0;
    double f1 = 0;
    for (const std::string& answer : references[i]) {
      if (IsMissing(missing, i)) break;
      const std::u32string reference = NormalizeAnswer(answer, rules);
      exact = std::max(exact, reference == prediction ? 1.0 : 0.0);
      f1 = std::max(f1, TokenF1(reference, prediction));
    }
    rows.table.Append(std::vector<double>{exact, f1});
  }
  return rows;
}

ScoredRows ScoreEquality(const std::vector<std::string>& predictions,
                         const std::vector<std::vector<std::string>>& references,
                         const std::vector<bool>& missing, const std::string& name) {
  ScoredRows rows{{name}, {1, {}}, MeanPercent};
  for (size_t i = 0; i < predictions.size(); ++i) {
    const auto& answers = references[i];
    const bool equal = std::find(answers.begin(), answers.end(), predictions[i]) != answers.end();
    rows.table.Append(std::vector<double>{equal && !IsMissing(missing, i) ? 1.0 : 0.0});
  }
  return rows;
}

}  // namespace regroup
