// Porter, "An algorithm for suffix stripping", Program 14.3 (1980), steps 1a to 5b, with NLTK's
// extensions marked.
#include "metrics/porter_stemmer.h"

#include <cstddef>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace regroup {
namespace {

bool IsVowelLetter(char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; }

// A y is a consonant at the start and after a vowel.
bool IsConsonant(std::string_view word, size_t at) {
  size_t start = at;
  while (start > 0 && word[start] == 'y') --start;
  const bool start_is_consonant = !IsVowelLetter(word[start]);
  return (at - start) % 2 == 0 ? start_is_consonant : !start_is_consonant;
}

// m in [C](VC){m}[V].
int Measure(std::string_view stem) {
  int measure = 0;
  bool previous = true;  // whether the letter before is a consonant
  for (size_t i = 0; i < stem.size(); ++i) {
    const bool consonant = stem[i] == 'y' ? i == 0 || !previous : !IsVowelLetter(stem[i]);
    if (i > 0 && consonant && !previous) ++measure;
    previous = consonant;
  }
  return measure;
}

bool HasVowel(std::string_view stem) {
  for (size_t i = 0; i < stem.size(); ++i) {
    if (!IsConsonant(stem, i)) return true;
  }
  return false;
}

bool EndsDoubleConsonant(std::string_view word) {
  return word.size() >= 2 && word.back() == word[word.size() - 2] &&
         IsConsonant(word, word.size() - 1);
}

// *o of the paper, and (NLTK) a word of just a vowel and a consonant.
bool EndsConsonantVowelConsonant(std::string_view word) {
  const size_t n = word.size();
  if (n == 2) return !IsConsonant(word, 0) && IsConsonant(word, 1);
  return n >= 3 && IsConsonant(word, n - 3) && !IsConsonant(word, n - 2) &&
         IsConsonant(word, n - 1) && word[n - 1] != 'w' && word[n - 1] != 'x' && word[n - 1] != 'y';
}

std::string WithoutEnd(const std::string& word, size_t letters) {
  return word.substr(0, word.size() - letters);
}

struct Rule {
  std::string_view suffix;
  std::string_view replacement;
};

// The first rule whose suffix fits decides, also when the stem's measure is too small.
std::string ApplyRules(const std::string& word, std::span<const Rule> rules, int min_measure) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const std::string stem = WithoutEnd(word, rule.suffix.size());
    return Measure(stem) >= min_measure ? stem + std::string(rule.replacement) : word;
  }
  return word;
}

std::string Step1a(const std::string& word) {
  if (word.ends_with("ies") && word.size() == 4) return WithoutEnd(word, 1);  // NLTK: dies -> die
  if (word.ends_with("sses") || word.ends_with("ies")) return WithoutEnd(word, 2);
  if (word.ends_with("ss")) return word;
  return word.ends_with("s") ? WithoutEnd(word, 1) : word;
}

// After -ed or -ing was taken off.
std::string RestoreEnd(const std::string& stem) {
  if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz")) return stem + "e";
  if (EndsDoubleConsonant(stem)) {
    const char last = stem.back();
    return last == 'l' || last == 's' || last == 'z' ? stem : WithoutEnd(stem, 1);
  }
  return Measure(stem) == 1 && EndsConsonantVowelConsonant(stem) ? stem + "e" : stem;
}

std::string Step1b(const std::string& word) {
  if (word.ends_with("ied"))
    return WithoutEnd(word, word.size() == 4 ? 1 : 2);  // NLTK: died -> die
  if (word.ends_with("eed")) return Measure(WithoutEnd(word, 3)) > 0 ? WithoutEnd(word, 1) : word;
  for (const size_t letters : {size_t{2}, size_t{3}}) {
    const std::string_view suffix = letters == 2 ? "ed" : "ing";
    if (!word.ends_with(suffix)) continue;
    const std::string stem = WithoutEnd(word, letters);
    if (HasVowel(stem)) return RestoreEnd(stem);
  }
  return word;
}

// NLTK: only after a consonant, and not in words of two letters.
std::string Step1c(const std::string& word) {
  if (!word.ends_with("y") || word.size() <= 2 || !IsConsonant(word, word.size() - 2)) return word;
  return WithoutEnd(word, 1) + "i";
}

std::string Step2(const std::string& word) {
  static constexpr Rule kRules[] = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"}};  // the last is NLTK's
  if (word.ends_with("alli") && Measure(WithoutEnd(word, 4)) > 0)
    return Step2(WithoutEnd(word, 2));  // NLTK
  if (word.ends_with("logi"))
    return Measure(WithoutEnd(word, 3)) > 0 ? WithoutEnd(word, 1) : word;  // NLTK
  return ApplyRules(word, kRules, 1);
}

std::string Step3(const std::string& word) {
  static constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""},  {"alize", "al"},
                                    {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""},
                                    {"ness", ""}};
  return ApplyRules(word, kRules, 1);
}

std::string Step4(const std::string& word) {
  static constexpr Rule kRules[] = {
      {"al", ""},   {"ance", ""}, {"ence", ""},  {"er", ""},   {"ic", ""},  {"able", ""},
      {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ou", ""},
      {"ism", ""},  {"ate", ""},  {"iti", ""},   {"ous", ""},  {"ive", ""}, {"ize", ""}};
  if (word.ends_with("ion")) {
    const std::string stem = WithoutEnd(word, 3);
    return Measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't') ? stem : word;
  }
  return ApplyRules(word, kRules, 2);
}

std::string Step5(const std::string& word) {
  std::string result = word;
  if (result.ends_with("e")) {
    const std::string stem = WithoutEnd(result, 1);
    const int measure = Measure(stem);
    if (measure > 1 || (measure == 1 && !EndsConsonantVowelConsonant(stem))) result = stem;
  }
  if (result.ends_with("ll") && Measure(WithoutEnd(result, 1)) > 1) result.pop_back();
  return result;
}

// NLTK's irregular forms.
const std::string* Irregular(const std::string& word) {
  static const auto& stems = *new absl::flat_hash_map<std::string, std::string>{
      {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
      {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
      {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
      {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
      {"succeed", "succeed"}};
  const auto found = stems.find(word);
  return found == stems.end() ? nullptr : &found->second;
}

}  // namespace

std::string PorterStem(const std::string& word) {
  if (const std::string* stem = Irregular(word)) return *stem;
  if (word.size() <= 2) return word;
  return Step5(Step4(Step3(Step2(Step1c(Step1b(Step1a(word)))))));
}

}  // namespace regroup
