// The tokenizers of sacreBLEU that regroup offers: 13a, intl, char and none. Used by bleu.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "metrics/metric_config.h"

namespace regroup {

enum class BleuTokenizer { k13a, kIntl, kChar, kNone };

// By its spelling on the command line (BleuTokenizerNames).
absl::StatusOr<BleuTokenizer> ParseBleuTokenizer(const std::string& name);

// One segment with a space at every token boundary (runs of white space are left as they are: split
// afterwards).
std::u32string SeparateTokens(std::u32string_view segment, BleuTokenizer tokenizer);

}  // namespace regroup
