// Bytes as ids.
#include "text/byte_tokenizer.h"

#include "core/json.h"
#include "core/utf8.h"
#include "text/sentinels.h"

namespace regroup {
namespace {

constexpr int32_t kSpareBytes = 11;  // 0xF5 to 0xFF begin no character of UTF-8

// Python's bytes.decode("utf-8", errors="ignore").
std::string WithoutInvalidUtf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = Utf8CharacterBytes(bytes);
    text += bytes.substr(0, length);
    bytes.remove_prefix(length > 0 ? length : 1);
  }
  return text;
}

class ByteTokenizer : public Tokenizer {
 public:
  ByteTokenizer(int32_t sentinels, std::vector<std::pair<std::string, std::string>> files)
      : sentinels_(sentinels), files_(std::move(files)) {}

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    while (const auto match = FindSentinel(text, sentinels_)) {
      AppendBytes(text.substr(0, match->begin), &ids);
      ids.push_back(kByteIdsEnd + match->number);
      text.remove_prefix(match->begin + match->bytes);
    }
    AppendBytes(text, &ids);
    return ids;
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::string bytes;
    for (const int32_t id : ids) {
      if (id < kFirstByteId || id >= size()) continue;
      if (id < kByteIdsEnd) {
        bytes += static_cast<char>(id - kFirstByteId);
      } else {
        bytes += SentinelText(id - kByteIdsEnd);
      }
    }
    return WithoutInvalidUtf8(bytes);
  }

  int32_t size() const override { return kByteIdsEnd + sentinels_; }
  int32_t sentinels() const override { return sentinels_; }
  int32_t SentinelId(int32_t n) const override {
    return n < kSpareBytes ? kByteIdsEnd - 1 - n : kByteIdsEnd + n;
  }
  std::vector<std::pair<std::string, std::string>> Files() const override { return files_; }

 private:
  static void AppendBytes(std::string_view text, std::vector<int32_t>* ids) {
    for (const char c : text) ids->push_back(static_cast<unsigned char>(c) + kFirstByteId);
  }

  int32_t sentinels_;
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace

std::shared_ptr<const Tokenizer> MakeByteTokenizer(
    int32_t sentinels, std::vector<std::pair<std::string, std::string>> files) {
  if (files.empty()) {
    const Json config = {{"tokenizer_class", "ByT5Tokenizer"},
                         {"extra_ids", sentinels},
                         {"eos_token", "</s>"},
                         {"pad_token", "<pad>"},
                         {"unk_token", "<unk>"}};
    files.emplace_back("tokenizer_config.json", DumpJsonPretty(config));
  }
  return std::make_shared<ByteTokenizer>(sentinels, std::move(files));
}

}  // namespace regroup
