// Text for training a vocabulary, from text files and JSON lines. Used by the tokenizer stage and
// `tokenize train`.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"

namespace regroup {

// Lines of text files; of JSON lines (.jsonl, .json, maybe .gz or .zst) the lines of the texts
// under `keys`, where a row has them. Empty lines are dropped.
absl::StatusOr<std::vector<std::string>> ReadSentences(const std::vector<std::string>& files,
                                                       const std::vector<std::string>& keys);

}  // namespace regroup
