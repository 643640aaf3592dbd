// Bags of n-grams as sorted vectors of packed keys: clipping counts against references is then a
// set operation of the standard library. Used by bleu, chrf and rouge.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/numeric/int128.h"

namespace regroup {

// A sorted multiset; each n-gram stands in it as often as it occurs. Key is uint64_t or
// absl::uint128, whichever holds the n-grams.
template <typename Key>
using BagOf = std::vector<Key>;

using NgramBag = BagOf<absl::uint128>;

// All n-grams of `order` over `ids`; every id needs at most `bits` bits and order * bits is at most
// the width of Key, so a key is exact.
template <typename Key = absl::uint128>
BagOf<Key> CollectNgrams(const std::vector<uint32_t>& ids, int order, int bits) {
  BagOf<Key> bag;
  const auto width = static_cast<size_t>(order);
  if (ids.size() < width) return bag;
  bag.reserve(ids.size() - width + 1);
  for (size_t i = 0; i + width <= ids.size(); ++i) {
    Key key = ids[i];
    for (size_t j = i + 1; j < i + width; ++j) key = (key << bits) | ids[j];
    bag.push_back(key);
  }
  std::sort(bag.begin(), bag.end());
  return bag;
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
NgramBag LargerCounts(const NgramBag& a, const NgramBag& b);

// Small numbers for the words of one row; `words` must outlive the object.
class WordIds {
 public:
  std::vector<uint32_t> Get(const std::vector<std::u32string_view>& words);

 private:
  std::unordered_map<std::u32string_view, uint32_t> ids_;
};

}  // namespace regroup
