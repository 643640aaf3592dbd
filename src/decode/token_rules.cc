// Forbidden and forced tokens. See token_rules.h.
#include "decode/token_rules.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace regroup {
namespace {

template <class T>
void Force(int64_t id, std::span<T> log_prob_v) {
  std::fill(log_prob_v.begin(), log_prob_v.end(), -std::numeric_limits<T>::infinity());
  log_prob_v[static_cast<size_t>(id)] = 0;
}

}  // namespace

TokenRules::TokenRules(const DecodeConfig& options, int64_t max_length, int64_t start, int64_t eos)
    : max_length_(max_length),
      start_(start),
      eos_(eos),
      min_length_(options.min_length.value_or(0)),
      ngram_(options.no_repeat_ngram_size.value_or(0)),
      first_(options.forced_bos_token_id.value_or(-1)),
      last_(options.forced_eos_token_id.value_or(-1)) {}

// An n-gram that ends with the next token begins with the last n - 1 tokens: where these stood
// before, what followed them is forbidden.
template <class T>
void TokenRules::ForbidRepeats(std::span<const int32_t> ids, std::span<T> log_prob_v) const {
  const size_t n = static_cast<size_t>(ngram_);
  if (ids.size() + 1 < n) return;
  std::vector<int32_t> all = {static_cast<int32_t>(start_)};
  all.insert(all.end(), ids.begin(), ids.end());
  const auto prefix = all.end() - static_cast<std::ptrdiff_t>(n - 1);
  for (size_t i = 0; i + n <= all.size(); ++i) {
    if (!std::equal(prefix, all.end(), all.begin() + static_cast<std::ptrdiff_t>(i))) continue;
    log_prob_v[static_cast<size_t>(all[i + n - 1])] = -std::numeric_limits<T>::infinity();
  }
}

template <class T>
void TokenRules::Apply(std::span<const int32_t> ids, std::span<T> log_prob_v) const {
  const int64_t length = static_cast<int64_t>(ids.size());
  if (ngram_ > 0) ForbidRepeats(ids, log_prob_v);
  if (length < min_length_) {
    log_prob_v[static_cast<size_t>(eos_)] = -std::numeric_limits<T>::infinity();
  }
  if (first_ >= 0 && length == 0) Force(first_, log_prob_v);
  if (last_ >= 0 && length == max_length_ - 1) Force(last_, log_prob_v);
}
template void TokenRules::Apply(std::span<const int32_t>, std::span<float>) const;
template void TokenRules::Apply(std::span<const int32_t>, std::span<double>) const;

}  // namespace regroup
