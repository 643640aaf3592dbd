// Bags of n-grams as sorted vectors of packed keys: clipping counts against references is then a
// set operation of the standard library. Used by bleu, chrf and rouge.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/numeric/int128.h"

namespace regroup {

// A sorted multiset; each n-gram stands in it as often as it occurs.
using NgramBag = std::vector<absl::uint128>;

// All n-grams of `order` over `ids`; every id needs at most `bits` bits and order * bits <= 128, so
// a key is exact.
NgramBag CollectNgrams(const std::vector<uint32_t>& ids, int order, int bits);

// Sum over n-grams of the smaller of the two counts.
int64_t CountShared(const NgramBag& a, const NgramBag& b);

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
