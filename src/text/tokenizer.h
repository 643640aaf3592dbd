// Text to ids and back: SentencePiece with sentinels (T5, mT5, umT5) or bytes (ByT5). EOS is never
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
  // `folder` holds spiece.model (and maybe tokenizer_config.json, which says where the sentinels
  // are: sentinels.h), or it is a byte model's: tokenizer_config.json or config.json names the
  // class ByT5Tokenizer, or config.json has a vocabulary of 384 and there is no spiece.model.
  // UserError for what is missing or no T5 model (pad 0, EOS 1, unknown 2).
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> Load(const std::string& folder);
  virtual ~Tokenizer() = default;

  // Ids of `text`, without EOS. "<extra_id_n>" in the text becomes the sentinel n, and the texts
  // around it are encoded on their own, as Hugging Face's T5Tokenizer does. Where sentinels are
  // pieces of the model (mT5), SentencePiece alone decides, there as here: it takes them at the
  // beginning of a word. No other spelling is special ("</s>" is text).
  virtual std::vector<int32_t> Encode(std::string_view text) const = 0;
  // Text of ids; pad and EOS are dropped, sentinels are written as <extra_id_n> (between spaces but
  // for bytes), ids without a piece are dropped, unknown is SentencePiece's " ⁇ ".
  virtual std::string Decode(std::span<const int32_t> ids) const = 0;
  virtual int32_t size() const = 0;       // one more than the highest id (T5: 32100)
  virtual int32_t sentinels() const = 0;  // T5, mT5: 100; umT5: 300; ByT5: 125
  // Id of the sentinel n in span corruption, n < sentinels(). It is that of <extra_id_n> but for
  // ByT5 (byte_tokenizer.h). Commonly size() - 1 - n (T5: 32099 down).
  virtual int32_t SentinelId(int32_t n) const { return size() - 1 - n; }
  // Files to copy beside a model's weights: file name -> content.
  virtual std::vector<std::pair<std::string, std::string>> Files() const = 0;
  // Hash of those files: the tokenizer's identity in provenance and stage hashes.
  std::string Fingerprint() const;
};

// True where Load would find a tokenizer in `folder`, good or bad; callers decide what to do where
// there is none.
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
