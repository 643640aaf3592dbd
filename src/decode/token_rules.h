// Which tokens may come next, whatever the model says: minimum length, no repeated n-grams, forced
// first and last token. Greedy and beam search apply it to log-probabilities.
//
// Parity: Hugging Face's NoRepeatNGram-, MinNewTokensLength-, ForcedBOSToken- and
// ForcedEOSTokenLogitsProcessor, in this order, as its beam search applies them: log-probabilities
// are not normalized again, and a forced token's is 0.
#pragma once

#include <cstdint>
#include <span>

#include "decode/decode_config.h"

namespace regroup {

class TokenRules {
 public:
  TokenRules(const DecodeConfig& options, int64_t max_length, int64_t start, int64_t eos);

  bool any() const { return min_length_ > 0 || ngram_ > 0 || first_ >= 0 || last_ >= 0; }
  // `ids` were generated so far, without the start token (which counts in n-grams). Forbidden ids
  // of `log_prob_v` become -infinity. T: float, double.
  template <class T>
  void Apply(std::span<const int32_t> ids, std::span<T> log_prob_v) const;

 private:
  template <class T>
  void ForbidRepeats(std::span<const int32_t> ids, std::span<T> log_prob_v) const;

  int64_t max_length_, start_, eos_;
  int64_t min_length_, ngram_;
  int64_t first_, last_;  // -1: not forced
};

}  // namespace regroup
