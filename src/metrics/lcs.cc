// Longest common subsequences: see lcs.h.
#include "metrics/lcs.h"

#include <algorithm>
#include <cstddef>

namespace regroup {
namespace {

// Advances one row of the table: `lengths[j]` becomes the length for (a's items so far, b's first
// j).
void AdvanceRow(uint32_t item, const std::vector<uint32_t>& b, std::vector<uint32_t>& lengths) {
  uint32_t diagonal = 0;
  for (size_t j = 1; j <= b.size(); ++j) {
    const uint32_t above = lengths[j];
    lengths[j] = item == b[j - 1] ? diagonal + 1 : std::max(above, lengths[j - 1]);
    diagonal = above;
  }
}

}  // namespace

int64_t LcsLength(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<uint32_t> lengths(b.size() + 1);
  for (const uint32_t item : a) AdvanceRow(item, b, lengths);
  return lengths.back();
}

void MarkLcs(const std::vector<uint32_t>& reference, const std::vector<uint32_t>& candidate,
             std::vector<bool>& hit) {
  const size_t columns = candidate.size();
  std::vector<bool> go_left(reference.size() *
                            columns);  // one bit a cell is all that backtracking reads
  std::vector<uint32_t> above(columns + 1);
  for (size_t i = 0; i < reference.size(); ++i) {
    std::vector<uint32_t> lengths = above;
    AdvanceRow(reference[i], candidate, lengths);
    for (size_t j = 1; j <= columns; ++j) go_left[i * columns + j - 1] = lengths[j - 1] > above[j];
    above.swap(lengths);
  }
  for (size_t i = reference.size(), j = columns; i > 0 && j > 0;) {
    if (reference[i - 1] == candidate[j - 1]) {
      hit[i - 1] = true;
      --i, --j;
    } else if (go_left[(i - 1) * columns + j - 1]) {
      --j;
    } else {
      --i;
    }
  }
}

}  // namespace regroup
