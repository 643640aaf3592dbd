// Word diffs on metrics/lcs.h.
#include "report/word_diff.h"

#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "metrics/lcs.h"

namespace regroup {
namespace {

std::vector<std::string> Words(const std::string& text) {
  constexpr char kSpace[] = " \t\n\r\v\f";
  std::vector<std::string> words;
  for (size_t begin = text.find_first_not_of(kSpace); begin != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kSpace, end);
  }
  return words;
}

using Ids = std::map<std::string, uint32_t>;

std::vector<uint32_t> Numbered(const std::vector<std::string>& words, Ids& ids) {
  std::vector<uint32_t> numbers;
  for (const std::string& word : words)
    numbers.push_back(ids.try_emplace(word, static_cast<uint32_t>(ids.size())).first->second);
  return numbers;
}

void AppendWord(std::string& text, const std::string& word) {
  absl::StrAppend(&text, text.empty() ? "" : " ", word);
}

// Adds a word to the last part, or to a new one where it is of the other kind.
void AddWord(WordDiff& diff, const std::string& word, bool shared, std::string& missing) {
  if (diff.parts.empty() || diff.parts.back().shared != shared || !missing.empty()) {
    diff.parts.push_back({missing, "", shared});
    missing.clear();
  }
  AppendWord(diff.parts.back().text, word);
}

}  // namespace

WordDiff CompareWords(const std::string& reference, const std::string& output) {
  const std::vector<std::string> expected = Words(reference), found = Words(output);
  Ids ids;
  const std::vector<uint32_t> expected_ids = Numbered(expected, ids),
                              found_ids = Numbered(found, ids);
  std::vector<bool> hit(expected.size());
  MarkLcs(expected_ids, found_ids, hit);
  WordDiff diff{{}, 0, found.size(), expected.size()};
  std::string missing;
  size_t next = 0;  // in the output
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!hit[i]) {
      AppendWord(missing, expected[i]);
      continue;
    }
    for (; found_ids[next] != expected_ids[i]; ++next) AddWord(diff, found[next], false, missing);
    AddWord(diff, found[next++], true, missing);
    ++diff.shared_words;
  }
  for (; next < found.size(); ++next) AddWord(diff, found[next], false, missing);
  if (!missing.empty()) diff.parts.push_back({missing, "", false});
  return diff;
}

double WordOverlap(const std::string& a, const std::string& b) {
  if (a == b) return 1;
  Ids ids;
  const std::vector<uint32_t> first = Numbered(Words(a), ids), second = Numbered(Words(b), ids);
  const size_t words = first.size() + second.size();
  return words == 0
             ? 1
             : 2.0 * static_cast<double>(LcsLength(first, second)) / static_cast<double>(words);
}

}  // namespace regroup
