// What a model's generation_config.json says about decoding, as Hugging Face's `generate` takes it.
// Commands `generate` and `evaluate` call it.
#pragma once

#include <cstdint>

#include "checkpoint/hf_folder.h"
#include "core/status.h"

namespace regroup {

struct GenerationDefaults {
  // The model's config with the file's start, end and pad ids, where it has them: they win over
  // config.json's.
  T5Config config;
  int64_t max_length = 128;  // the file's max_new_tokens, else its max_length - 1
};

// A value of the wrong type or out of range is a UserError naming file and key.
absl::StatusOr<GenerationDefaults> ReadGenerationConfig(const HfModel& model);

}  // namespace regroup
