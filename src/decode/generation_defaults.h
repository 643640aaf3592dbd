// What a model's generation_config.json says about decoding, as Hugging Face's `generate` takes it.
// Commands `generate` and `evaluate` call it.
#pragma once

#include <cstdint>

#include "checkpoint/hf_folder.h"
#include "core/status.h"
#include "decode/decode_config.h"

namespace regroup {

struct GenerationDefaults {
  // The model's config with the file's start, end and pad ids, where it has them: they win over
  // config.json's.
  T5Config config;
  int64_t max_length = 128;  // the file's max_new_tokens, else its max_length - 1
  // num_beams, min_new_tokens (else min_length - 1), length_penalty, early_stopping,
  // no_repeat_ngram_size, forced_bos_token_id and forced_eos_token_id; absent where the file is
  // silent. WithDefaults takes the lengths and the rules of tokens from here; beams, length penalty
  // and early stopping have the program's own defaults (1, 1.0, false).
  DecodeConfig decode;
};

// A value of the wrong type or out of range is a UserError naming file and key, and so is a key
// that would change the result and that this program does not implement (repetition_penalty,
// bad_words_ids, ...), unless its value is neutral. Sampling is replaced by search with a warning.
absl::StatusOr<GenerationDefaults> ReadGenerationConfig(const HfModel& model);

// The options with the file's values where they are absent. UserError for options that contradict
// each other or the vocabulary; a warning where the minimum length cannot be reached.
absl::StatusOr<DecodeConfig> WithDefaults(DecodeConfig options, const GenerationDefaults& defaults);

}  // namespace regroup
