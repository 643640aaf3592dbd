// ByT5's vocabulary: pad, EOS, unknown, the 256 bytes of UTF-8 at 3 to 258, then the sentinels
// <extra_id_0> at 259 upwards (transformers, ByT5Tokenizer). Tokenizer::Load makes it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace regroup {

inline constexpr int32_t kFirstByteId = 3;
inline constexpr int32_t kByteIdsEnd = kFirstByteId + 256;
inline constexpr int32_t kByteSentinels = 125;  // 384 ids in all

// `files` as Tokenizer::Files() will give them; without any, tokenizer_config.json as transformers
// reads it.
//
// Encode and Decode are those of transformers' ByT5Tokenizer, but that "<pad>", "</s>" and "<unk>"
// in a text are text. Bytes that are no UTF-8 are left out of a decoded text; so is unknown.
//
// Span corruption's sentinels are other ids than <extra_id_n>: ByT5 was pre-trained without extra
// ids, with 258, 257, ... (seqio, ByteVocabulary; transformers' page of ByT5), bytes that UTF-8
// does not have. There are 11 of them (0xFF down to 0xF5), enough for ByT5's spans of 20 bytes;
// those after them are <extra_id_11> and on, where T5X would go on with bytes that texts do have.
std::shared_ptr<const Tokenizer> MakeByteTokenizer(
    int32_t sentinels, std::vector<std::pair<std::string, std::string>> files);

}  // namespace regroup
