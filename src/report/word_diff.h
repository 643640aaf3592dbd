// Where an output differs from a reference, word by word. The report's examples use it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace regroup {

// A stretch of an output: words that are also in the reference in this order, or not; and where
// words of the reference are missing before the stretch, which.
struct DiffPart {
  std::string missing;  // words of the reference that belong before this part, "" if none
  std::string text;     // words of the output, one space between them; "" only in a last part
  bool shared = false;
};
struct WordDiff {
  std::vector<DiffPart> parts;
  size_t shared_words = 0, output_words = 0, reference_words = 0;
};

// Words are what stands between ASCII white space. The shared words are a longest common
// subsequence.
WordDiff CompareWords(const std::string& reference, const std::string& output);

// Shared words over the mean length of both: 1 for equal texts, 0 for nothing in common; two empty
// texts are equal.
double WordOverlap(const std::string& a, const std::string& b);

}  // namespace regroup
