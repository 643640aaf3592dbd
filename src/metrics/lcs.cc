// Longest common subsequences: see lcs.h.
#include "metrics/lcs.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>

namespace regroup {
namespace {

// A row of the table of lengths, 64 columns a word: bit j is 0 where the length for j + 1 columns
// is one more than for j. The row of no items is all ones.
using Row = std::span<uint64_t>;
constexpr size_t kWordBits = 64;
constexpr uint64_t kNoRise = ~uint64_t{0};

size_t WordsFor(size_t columns) { return (columns + kWordBits - 1) / kWordBits; }

// Bit j: whether b[64 * word + j] is the item.
uint64_t Matches(uint32_t item, const std::vector<uint32_t>& b, size_t word) {
  const size_t begin = word * kWordBits;
  const size_t end = std::min(begin + kWordBits, b.size());
  uint64_t bits = 0;
  for (size_t j = begin; j < end; ++j) bits |= uint64_t{b[j] == item} << (j - begin);
  return bits;
}

// `row`, given as the row above, becomes that of one more item:
// (row + (row & matches)) | (row & ~matches), with the carry passed from word to word.
void Advance(uint32_t item, const std::vector<uint32_t>& b, Row row) {
  uint64_t carry = 0;
  for (size_t w = 0; w < row.size(); ++w) {
    const uint64_t matches = Matches(item, b, w);
    const uint64_t above = row[w];
    const uint64_t with_carry = above + carry;
    const uint64_t sum = with_carry + (above & matches);
    carry = with_carry < carry || sum < with_carry ? 1 : 0;
    row[w] = sum | (above & ~matches);
  }
}

// The length for the row's items and the first `columns` columns.
int64_t LengthAt(Row row, size_t columns) {
  int64_t length = 0;
  const size_t whole = columns / kWordBits;
  for (size_t w = 0; w < whole; ++w) length += std::popcount(~row[w]);
  const size_t rest = columns % kWordBits;
  return rest == 0 ? length : length + std::popcount(~row[whole] << (kWordBits - rest));
}

}  // namespace

int64_t LcsLength(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  std::vector<uint64_t> row(WordsFor(b.size()), kNoRise);
  for (const uint32_t item : a) Advance(item, b, row);
  return LengthAt(row, b.size());
}

void MarkLcs(const std::vector<uint32_t>& reference, const std::vector<uint32_t>& candidate,
             std::vector<bool>& hit) {
  const size_t words = WordsFor(candidate.size());
  std::vector<uint64_t> table((reference.size() + 1) * words, kNoRise);
  const auto row = [&](size_t items) { return Row(table).subspan(items * words, words); };
  for (size_t i = 1; i <= reference.size(); ++i) {
    std::ranges::copy(row(i - 1), row(i).begin());
    Advance(reference[i - 1], candidate, row(i));
  }
  for (size_t i = reference.size(), j = candidate.size(); i > 0 && j > 0;) {
    if (reference[i - 1] == candidate[j - 1]) {
      hit[i - 1] = true;
      --i, --j;
    } else if (LengthAt(row(i), j - 1) > LengthAt(row(i - 1), j)) {
      --j;
    } else {
      --i;
    }
  }
}

}  // namespace regroup
