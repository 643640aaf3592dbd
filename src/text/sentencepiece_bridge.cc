// SentencePiece behind std types. No Abseil header may be included here (see the header).
#include "text/sentencepiece_bridge.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <stdexcept>
#include <unordered_map>

namespace regroup {
namespace {

// The library's sentence, "Internal: src/file.cc(12) [condition] what is wrong", without its own
// places.
std::string Reason(const sentencepiece::util::Status& status) {
  const std::string text = status.ToString();
  const size_t source = text.find(".cc(");
  const size_t colon = text.find(": ");
  if (source == std::string::npos)
    return colon == std::string::npos ? text : text.substr(colon + 2);
  const size_t end = text.rfind("] ");
  const std::string rest = end == std::string::npos ? "" : text.substr(end + 2);
  return rest.empty() ? "its bytes are damaged, cut off or of another form" : rest;
}

class Model : public SentencePieceModel {
 public:
  std::string Load(std::string_view content) {
    const sentencepiece::util::Status status = processor_.LoadFromSerializedProto(content);
    return status.ok() ? "" : Reason(status);
  }

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::vector<int> ids;
    Require("encode", processor_.Encode(text, &ids));
    return {ids.begin(), ids.end()};
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::string text;
    Require("decode", processor_.Decode(std::vector<int>(ids.begin(), ids.end()), &text));
    return text;
  }

  int32_t Find(std::string_view piece) const override {
    const int32_t id = processor_.PieceToId(piece);
    return processor_.IdToPiece(id) == piece ? id : -1;  // unknown stands for what is no piece
  }

  int32_t size() const override { return processor_.GetPieceSize(); }
  int32_t pad_id() const override { return processor_.pad_id(); }
  int32_t eos_id() const override { return processor_.eos_id(); }
  int32_t unk_id() const override { return processor_.unk_id(); }

 private:
  // No text and no id in range should ever fail: an empty result instead would be silent damage.
  static void Require(const char* what, const sentencepiece::util::Status& status) {
    if (!status.ok())
      throw std::runtime_error(std::string("SentencePiece cannot ") + what + ": " +
                               status.ToString());
  }

  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace

std::unique_ptr<SentencePieceModel> SentencePieceModel::Parse(std::string_view content,
                                                              std::string* error) {
  auto model = std::make_unique<Model>();
  *error = model->Load(content);
  if (!error->empty()) return nullptr;
  return model;
}

std::string TrainSentencePiece(const std::vector<std::string>& sentences, int64_t vocab_size,
                               std::string* model) {
  const std::unordered_map<std::string, std::string> arguments = {
      {"model_type", "unigram"},
      {"vocab_size", std::to_string(vocab_size)},
      {"hard_vocab_limit", "false"},
      {"character_coverage", "0.9995"},
      {"normalization_rule_name", "nmt_nfkc"},
      {"byte_fallback", "false"},
      {"pad_id", "0"},
      {"eos_id", "1"},
      {"unk_id", "2"},
      {"bos_id", "-1"},
      {"num_threads", "1"},  // the order of floating-point sums, hence the result, is fixed
      {"minloglevel", "2"},
  };
  const sentencepiece::util::Status status =
      sentencepiece::SentencePieceTrainer::Train(arguments, sentences, model);
  return status.ok() ? "" : Reason(status);
}

}  // namespace regroup
