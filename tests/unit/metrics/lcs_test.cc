// Longest common subsequences in bits against the plain table of lengths.
#include "metrics/lcs.h"

#include <gtest/gtest.h>

#include "core/random.h"

namespace regroup {
namespace {

using Items = std::vector<uint32_t>;

std::vector<std::vector<int64_t>> Table(const Items& a, const Items& b) {
  std::vector<std::vector<int64_t>> table(a.size() + 1, std::vector<int64_t>(b.size() + 1));
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1
                                         : std::max(table[i - 1][j], table[i][j - 1]);
    }
  }
  return table;
}

std::vector<bool> MarkedByTable(const Items& a, const Items& b) {
  const auto table = Table(a, b);
  std::vector<bool> hit(a.size());
  for (size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      hit[i - 1] = true;
      --i, --j;
    } else if (table[i][j - 1] > table[i - 1][j]) {
      --j;
    } else {
      --i;
    }
  }
  return hit;
}

Items Draw(CounterRng& rng, size_t size, uint64_t kinds) {
  Items items(size);
  for (uint32_t& item : items) item = static_cast<uint32_t>(rng.Below(kinds));
  return items;
}

TEST(Lcs, EqualsThePlainTableAtEverySizeAroundTheWords) {
  CounterRng rng(1, RandomPurpose::kTest, 0);
  for (const size_t columns : {0, 1, 7, 63, 64, 65, 127, 128, 129, 200}) {
    for (const size_t rows : {0, 1, 20, 64, 131}) {
      for (const uint64_t kinds : {2, 9, 200}) {
        const Items a = Draw(rng, rows, kinds);
        const Items b = Draw(rng, columns, kinds);
        ASSERT_EQ(LcsLength(a, b), Table(a, b)[rows][columns]) << rows << " " << columns;
        std::vector<bool> hit(rows);
        MarkLcs(a, b, hit);
        ASSERT_EQ(hit, MarkedByTable(a, b)) << rows << " " << columns;
      }
    }
  }
}

TEST(Lcs, MarksAddToThoseOfOtherCandidates) {
  std::vector<bool> hit(3);
  MarkLcs({5, 6, 7}, {5}, hit);
  MarkLcs({5, 6, 7}, {7, 9}, hit);
  EXPECT_EQ(hit, (std::vector<bool>{true, false, true}));
}

}  // namespace
}  // namespace regroup
