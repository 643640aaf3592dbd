// N-gram bags: see ngrams.h.
#include "metrics/ngrams.h"

namespace regroup {

std::vector<uint32_t> WordIds::Get(const std::vector<std::u32string_view>& words) {
  std::vector<uint32_t> ids;
  ids.reserve(words.size());
  for (const std::u32string_view word : words) {
    ids.push_back(ids_.try_emplace(word, static_cast<uint32_t>(ids_.size())).first->second);
  }
  return ids;
}

}  // namespace regroup
