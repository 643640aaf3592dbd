// The only door to SentencePiece: std types alone, because its headers and Debian's Abseil cannot
// meet in one file, and its symbols must stay hidden beside LibTorch. Used by tokenizer.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace regroup {

class SentencePieceModel {
 public:
  // Parses the content of a spiece.model. Returns null and sets `error` when it is none.
  static std::unique_ptr<SentencePieceModel> Parse(std::string_view content, std::string* error);
  virtual ~SentencePieceModel() = default;

  // Both throw std::runtime_error with SentencePiece's own words if it reports a failure.
  virtual std::vector<int32_t> Encode(std::string_view text) const = 0;
  virtual std::string Decode(std::span<const int32_t> ids) const = 0;  // ids in [0, size())
  // The id of the piece that is spelled so, or -1.
  virtual int32_t Find(std::string_view piece) const = 0;
  virtual int32_t size() const = 0;
  virtual int32_t pad_id() const = 0;
  virtual int32_t eos_id() const = 0;
  virtual int32_t unk_id() const = 0;
};

// Trains a unigram model with T5's settings on one thread. Sets `model` to the file's content, or
// returns what SentencePiece said was wrong ("" on success).
std::string TrainSentencePiece(const std::vector<std::string>& sentences, int64_t vocab_size,
                               std::string* model);

}  // namespace regroup
