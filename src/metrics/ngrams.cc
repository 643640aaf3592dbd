// N-gram bags: see ngrams.h.
#include "metrics/ngrams.h"

#include <algorithm>
#include <iterator>

namespace regroup {

NgramBag CollectNgrams(const std::vector<uint32_t>& ids, int order, int bits) {
  NgramBag bag;
  const auto width = static_cast<size_t>(order);
  if (ids.size() < width) return bag;
  bag.reserve(ids.size() - width + 1);
  for (size_t i = 0; i + width <= ids.size(); ++i) {
    absl::uint128 key = 0;
    for (size_t j = i; j < i + width; ++j) key = (key << bits) | ids[j];
    bag.push_back(key);
  }
  std::sort(bag.begin(), bag.end());
  return bag;
}

int64_t CountShared(const NgramBag& a, const NgramBag& b) {
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

NgramBag LargerCounts(const NgramBag& a, const NgramBag& b) {
  NgramBag larger;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(larger));
  return larger;
}

std::vector<uint32_t> WordIds::Get(const std::vector<std::u32string_view>& words) {
  std::vector<uint32_t> ids;
  ids.reserve(words.size());
  for (const std::u32string_view word : words) {
    ids.push_back(ids_.try_emplace(word, static_cast<uint32_t>(ids_.size())).first->second);
  }
  return ids;
}

}  // namespace regroup
