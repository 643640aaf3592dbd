// Options of decoding (no LibTorch): recipes, task files and commands fill it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/fields.h"

namespace regroup {

// More generated tokens than any use has: the caches are allocated for all of them.
inline constexpr int64_t kLongestOutput = 1'000'000;

struct DecodeConfig {
  int64_t beams = 1;
  std::optional<int64_t>
      max_length;  // generated tokens with EOS; absent: the model's generation_config, else 128
  double length_penalty = 1.0;
  int64_t batch_tokens = 16384;  // padded source + maximum target, times rows
  bool ignore_eos = false;  // bench: every row runs to max_length; no user's option, so not visited

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("beams", "beams; 1 is greedy").AtLeast(1).AtMost(1), c.beams);
    v(Field("max_length", "most generated tokens, EOS included")
          .AtLeast(1)
          .AtMost(static_cast<double>(kLongestOutput)),
      c.max_length);
    v(Field("length_penalty", "score = log-probability / n^penalty"), c.length_penalty);
    v(Field("batch_tokens", "padded source and longest target tokens of a batch").AtLeast(1),
      c.batch_tokens);
  }
};

}  // namespace regroup
