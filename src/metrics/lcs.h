// Longest common subsequences with the choices of rouge_score, which decide ROUGE-Lsum. Used by
// rouge.cc.
#pragma once

#include <cstdint>
#include <vector>

namespace regroup {

// Length of a longest common subsequence. 64 columns of the table are one word: the bit-parallel
// rows of Hyyro 2004, "Bit-parallel LCS-length computation revisited".
int64_t LcsLength(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b);

// Marks in `hit` (of the size of `reference`) the positions of the one longest common subsequence
// that backtracking from the end finds: a step to the left only where that is strictly longer.
// Takes one bit a cell of the table.
void MarkLcs(const std::vector<uint32_t>& reference, const std::vector<uint32_t>& candidate,
             std::vector<bool>& hit);

}  // namespace regroup
