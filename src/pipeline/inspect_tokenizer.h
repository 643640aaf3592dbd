// What a vocabulary holds. inspect_path.cc calls it.
#pragma once

#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

// `folder` holds the tokenizer; `path` is what the person named; `text` is encoded as a sample (""
// stands for one that shows what happens to case, accents and spaces). {"path", "kind":
// "tokenizer", "size", "sentinels", "fingerprint", "special": {"pad", "eos", "unknown", "start",
// "first_sentinel", "last_sentinel"}, "pieces": [{"id", "text"}], "sample": {"text", "ids",
// "pieces", "decoded"}}.
absl::StatusOr<Json> InspectTokenizer(const std::string& path, const std::string& folder,
                                      const std::string& text);

std::string TokenizerText(const Json& inspection);

}  // namespace regroup
