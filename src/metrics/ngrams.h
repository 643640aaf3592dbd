// Bags of n-grams as sorted vectors of packed keys: clipping counts against references is then a
// set operation of the standard library. Used by bleu, chrf and rouge.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"

namespace regroup {

// A sorted multiset; each n-gram stands in it as often as it occurs. Key is uint64_t or
// absl::uint128, whichever holds the n-grams.
template <typename Key>
using BagOf = std::vector<Key>;

// The n-grams of orders 1 to kOrders over `ids`, by order. Every id is below 2^bits - 1 and kOrders
// * bits is at most the width of Key, so a key is exact. One sort does for all orders: that of the
// longest n-grams (id + 1; 0 behind the end), whose prefixes are then sorted too.
template <size_t kOrders, typename Key>
std::array<BagOf<Key>, kOrders> CollectNgrams(const std::vector<uint32_t>& ids, int bits) {
  const auto shift = [&](size_t places) { return bits * static_cast<int>(places); };
  BagOf<Key> longest(ids.size());
  Key following = 0;
  for (size_t i = ids.size(); i > 0; --i) {
    following = (following >> bits) | ((Key{ids[i - 1]} + 1) << shift(kOrders - 1));
    longest[i - 1] = following;
  }
  std::sort(longest.begin(), longest.end());
  std::array<BagOf<Key>, kOrders> bags;
  const Key one_place = (Key{1} << bits) - 1;
  for (size_t order = 1; order < kOrders; ++order) {
    bags[order - 1].reserve(longest.size());
    for (const Key& key : longest) {
      const Key prefix = key >> shift(kOrders - order);
      if ((prefix & one_place) != 0) bags[order - 1].push_back(prefix);
    }
  }
  std::erase_if(longest, [&](const Key& key) { return (key & one_place) == 0; });
  bags[kOrders - 1] = std::move(longest);
  return bags;
}

// Sum over n-grams of the smaller of the two counts.
template <typename Key>
int64_t CountShared(const BagOf<Key>& a, const BagOf<Key>& b) {
  int64_t shared = 0;
  for (auto left = a.begin(), right = b.begin(); left != a.end() && right != b.end();) {
    if (*left < *right) {
      ++left;
    } else if (*right < *left) {
      ++right;
    } else {
      ++shared, ++left, ++right;
    }
  }
  return shared;
}

// Each n-gram as often as in the bag that holds more of it.
template <typename Key>
BagOf<Key> LargerCounts(const BagOf<Key>& a, const BagOf<Key>& b) {
  BagOf<Key> larger;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(larger));
  return larger;
}

// Small numbers for the words of one row; `words` must outlive the object.
class WordIds {
 public:
  std::vector<uint32_t> Get(const std::vector<std::u32string_view>& words);

 private:
  std::unordered_map<std::u32string_view, uint32_t> ids_;
};

}  // namespace regroup
