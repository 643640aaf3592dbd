// Text to ids and back. SentencePiece (T5's unigram model) with T5's sentinels on top; EOS is never
// added here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"

namespace regroup {

inline constexpr int32_t kPadId = 0;  // also the decoder's start id
inline constexpr int32_t kEosId = 1;
inline constexpr int32_t kUnkId = 2;

class Tokenizer {
 public:
  // `folder` holds spiece.model (and maybe tokenizer_config.json with extra_ids, default 100).
  // UserError for what is missing or no T5 model (pad 0, EOS 1, unknown 2).
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> Load(const std::string& folder);
  virtual ~Tokenizer() = default;

  // Ids of `text`, without EOS. "<extra_id_n>" in the text becomes the sentinel n, and the texts
  // around it are encoded on their own, as Hugging Face's T5Tokenizer does. No other spelling is
  // special ("</s>" is text).
  virtual std::vector<int32_t> Encode(std::string_view text) const = 0;
  // Text of ids; pad and EOS are dropped, sentinels are written as <extra_id_n> between spaces, ids
  // without a piece are dropped, unknown is SentencePiece's " ⁇ ".
  virtual std::string Decode(std::span<const int32_t> ids) const = 0;
  virtual int32_t size() const = 0;       // pieces + sentinels (T5: 32100)
  virtual int32_t sentinels() const = 0;  // T5: 100
  // Id of <extra_id_n>: size() - 1 - n (T5: 32099 down).
  int32_t SentinelId(int32_t n) const { return size() - 1 - n; }
  // Files to copy beside a model's weights: file name -> content.
  virtual std::vector<std::pair<std::string, std::string>> Files() const = 0;
  // Hash of those files: the tokenizer's identity in provenance and stage hashes.
  std::string Fingerprint() const;
};

// True where text needs no tokenizer files (folder without spiece.model): callers decide what to
// do.
bool HasTokenizer(const std::string& folder);

struct TokenizerTraining {
  std::vector<std::string> sentences;  // one document or line each
  int64_t vocab_size = 4000;           // pieces, pad, EOS and unknown included, sentinels not
  int32_t extra_ids = 100;
};
// Trains SentencePiece unigram as T5 did (nmt_nfkc, pad 0, eos 1, unk 2, no bos) and writes
// spiece.model and tokenizer_config.json (also for transformers) into `folder` (which exists).
// Deterministic: one thread, no draws. Fewer pieces are made where the text does not give as many.
// UserError: no text, vocab_size under 4 or too small for the text's characters.
absl::Status TrainTokenizer(const TokenizerTraining& training, const std::string& folder);

}  // namespace regroup
