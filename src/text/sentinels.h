// Where a vocabulary's sentinels are, and how they are found in text. Used by the tokenizers.
//
// Hugging Face and T5X know three arrangements:
//   T5, umT5  on top of the pieces, downwards: <extra_id_0> is the last id (transformers,
//             T5Converter.vocab in convert_slow_tokenizer.py; seqio, SentencePieceVocabulary)
//   mT5       pieces of spiece.model, "▁<extra_id_99>" to "▁<extra_id_0>" (ids 250000 to 250099);
//             tokenizer_config.json says "extra_ids": 0
//   ByT5      on top of the bytes, upwards: <extra_id_0> is 259 (transformers, ByT5Tokenizer)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "text/sentencepiece_bridge.h"

namespace regroup {

// What tokenizer_config.json says of sentinels.
struct SentinelSettings {
  std::optional<int32_t> extra_ids;
  // Numbers n of the <extra_id_n> in additional_special_tokens (transformers 5:
  // extra_special_tokens), in their order.
  std::vector<int32_t> listed;
};
// UserError at `place` for values of another type and for numbers that do not run from 0.
absl::StatusOr<SentinelSettings> ReadSentinelSettings(const Json& config, const std::string& place);

struct Sentinels {
  std::vector<int32_t> ids;  // ids[n] is <extra_id_n>
  bool pieces = false;       // they are pieces of the model: SentencePiece finds them in text
};
// T5, mT5 and umT5, as transformers resolves them: extra_ids above 0 are on top, downwards; with
// extra_ids 0 what is listed follows the pieces upwards in its order, else the model's own pieces
// count; without extra_ids the model's own pieces, else as many as are listed, else 100 on top.
// UserError where extra_ids and the list disagree.
absl::StatusOr<Sentinels> ResolveSentinels(const SentinelSettings& settings,
                                           const SentencePieceModel& model,
                                           const std::string& place);

// "<extra_id_n>".
std::string SentinelText(int32_t n);

// The sentinel that stands first in a text: its number, where it begins, its length in bytes. Only
// the spelling that Hugging Face adds to its vocabulary counts: no leading zeros, n < count.
struct SentinelMatch {
  int32_t number = 0;
  size_t begin = 0;
  size_t bytes = 0;
};
std::optional<SentinelMatch> FindSentinel(std::string_view text, int32_t count);

}  // namespace regroup
