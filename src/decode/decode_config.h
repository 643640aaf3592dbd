// Options of decoding (no LibTorch): recipes, task files and commands fill it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/fields.h"

namespace regroup {

// More generated tokens than any use has: the caches are allocated for all of them.
inline constexpr int64_t kLongestOutput = 1'000'000;
inline constexpr int64_t kMostBeams = 256;

// The names and meanings are those of Hugging Face's generation config, but for max_length and
// min_length: these count generated tokens, without the start token (max_new_tokens and
// min_new_tokens there). An absent min_length, no_repeat_ngram_size or forced
// id is the model's own (WithDefaults in generation_defaults.h); else absent values are those given
// here, and max_length is the model's own before 128.
struct DecodeConfig {
  std::optional<int64_t> beams;                 // 1, which is greedy
  std::optional<int64_t> max_length;            // 128; EOS counts
  std::optional<int64_t> min_length;            // 0; tokens that stand before EOS
  std::optional<double> length_penalty;         // 1
  std::string length_norm = "huggingface";      // huggingface | t5x
  std::optional<std::string> early_stopping;    // false | true | never
  std::optional<int64_t> no_repeat_ngram_size;  // 0: off
  std::optional<int64_t> forced_bos_token_id;   // none
  std::optional<int64_t> forced_eos_token_id;   // none
  int64_t batch_tokens = 16384;  // padded source + maximum target x beams, times rows
  // Not visited, because they mean nothing to a recipe:
  int64_t n_best = 1;       // `generate`: hypotheses of a row, at most `beams`
  bool ignore_eos = false;  // bench: every row runs to max_length

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    const auto longest = static_cast<double>(kLongestOutput);
    v(Field("beams", "beams; 1, which is greedy, by default")
          .AtLeast(1)
          .AtMost(static_cast<double>(kMostBeams)),
      c.beams);
    v(Field("max_length", "most generated tokens, EOS included").AtLeast(1).AtMost(longest),
      c.max_length);
    v(Field("min_length",
            "EOS comes after at least so many other tokens; default: of the model's "
            "generation_config.json, else 0")
          .AtLeast(0)
          .AtMost(longest),
      c.min_length);
    v(Field("length_penalty", "score = log-probability / n^penalty, n with EOS; 1 by default"),
      c.length_penalty);
    v(Field("length_norm", "huggingface: n^penalty; t5x: ((5+n)/6)^penalty")
          .OneOf({"huggingface", "t5x"}),
      c.length_norm);
    v(Field("early_stopping",
            "a row's beam search ends when enough hypotheses have ended (true), when a longer one "
            "is unlikely to win (false), or when none can win (never); false by default")
          .OneOf({"false", "true", "never"}),
      c.early_stopping);
    v(Field("no_repeat_ngram_size",
            "no n-gram of this size occurs twice; 0: any may; default: the model's, else 0")
          .AtLeast(0)
          .AtMost(longest),
      c.no_repeat_ngram_size);
    v(Field("forced_bos_token_id", "id of the first generated token; default: the model's, if any")
          .AtLeast(0),
      c.forced_bos_token_id);
    v(Field("forced_eos_token_id",
            "id of the last generated token where max_length is reached; default: the model's, if "
            "any")
          .AtLeast(0),
      c.forced_eos_token_id);
    v(Field("batch_tokens", "of a batch: padded source and longest target x beams, times rows")
          .AtLeast(1),
      c.batch_tokens);
  }
};

}  // namespace regroup
