// T5's tokenizer: a SentencePiece model plus sentinels at the end of the vocabulary.
#include "text/tokenizer.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "text/sentencepiece_bridge.h"

namespace regroup {
namespace {

constexpr const char* kModelFile = "spiece.model";
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr std::string_view kSentinelOpening = "<extra_id_";
constexpr int32_t kDefaultSentinels = 100;
constexpr int32_t kMostSentinels = 65536;

// The sentinel that `text` begins with: its number and its length in bytes.
struct SentinelMatch {
  int32_t number = 0;
  size_t bytes = 0;
};

// Only the spelling that Hugging Face adds to its vocabulary counts: no leading zeros, n <
// sentinels.
std::optional<SentinelMatch> MatchSentinel(std::string_view text, int32_t sentinels) {
  if (!text.starts_with(kSentinelOpening)) return std::nullopt;
  const char* begin = text.data() + kSentinelOpening.size();
  const char* end = text.data() + text.size();
  SentinelMatch match;
  const auto [rest, error] = std::from_chars(begin, end, match.number);
  if (error != std::errc() || rest == end || *rest != '>') return std::nullopt;
  if (match.number < 0 || match.number >= sentinels) return std::nullopt;
  if (*begin == '-' || (*begin == '0' && rest - begin > 1)) return std::nullopt;
  match.bytes = static_cast<size_t>(rest + 1 - text.data());
  return match;
}

class T5Tokenizer : public Tokenizer {
 public:
  T5Tokenizer(std::unique_ptr<SentencePieceModel> model, int32_t sentinels,
              std::vector<std::pair<std::string, std::string>> files)
      : model_(std::move(model)), sentinels_(sentinels), files_(std::move(files)) {}

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    size_t begin = 0;  // of the text since the last sentinel
    for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
      const auto match = MatchSentinel(text.substr(at), sentinels_);
      if (!match.has_value()) {
        ++at;
        continue;
      }
      AppendPlain(text.substr(begin, at - begin), &ids);
      ids.push_back(SentinelId(match->number));
      begin = at += match->bytes;
    }
    AppendPlain(text.substr(begin), &ids);
    return ids;
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::string text;
    std::vector<int32_t> run;
    for (const int32_t id : ids) {
      if (id == kPadId || id == kEosId || id < 0 || id >= size()) continue;
      if (id < model_->size()) {
        run.push_back(id);
        continue;
      }
      AppendWord(model_->Decode(run), &text);
      run.clear();
      AppendWord(absl::StrCat(ToAbsl(kSentinelOpening), size() - 1 - id, ">"), &text);
    }
    AppendWord(model_->Decode(run), &text);
    return text;
  }

  int32_t size() const override { return model_->size() + sentinels_; }
  int32_t sentinels() const override { return sentinels_; }
  std::vector<std::pair<std::string, std::string>> Files() const override { return files_; }

 private:
  void AppendPlain(std::string_view text, std::vector<int32_t>* ids) const {
    if (text.empty()) return;
    const std::vector<int32_t> more = model_->Encode(text);
    ids->insert(ids->end(), more.begin(), more.end());
  }

  static void AppendWord(const std::string& word, std::string* text) {
    if (word.empty()) return;
    if (!text->empty()) text->push_back(' ');
    *text += word;
  }

  std::unique_ptr<SentencePieceModel> model_;
  int32_t sentinels_;
  std::vector<std::pair<std::string, std::string>> files_;
};

// "extra_ids" of tokenizer_config.json's content.
absl::StatusOr<int32_t> SentinelsOf(const std::string& content, const std::string& path) {
  REGROUP_ASSIGN_OR_RETURN(const Json config, ParseJson(content, path));
  if (!config.is_object()) return UserError(path, "expected a JSON object");
  const auto found = config.find("extra_ids");
  if (found == config.end()) return kDefaultSentinels;
  if (!found->is_number_unsigned() ||
      found->get<uint64_t>() > static_cast<uint64_t>(kMostSentinels)) {
    return UserError(path, absl::StrCat("\"extra_ids\" is ", DumpJson(*found),
                                        ", expected a number from 0 to ", kMostSentinels));
  }
  return found->get<int32_t>();
}

absl::Status CheckSpecialIds(const SentencePieceModel& model, const std::string& path) {
  const bool as_t5 =
      model.pad_id() == kPadId && model.eos_id() == kEosId && model.unk_id() == kUnkId;
  if (as_t5) return absl::OkStatus();
  return UserError(path, absl::StrCat("has pad ", model.pad_id(), ", eos ", model.eos_id(),
                                      ", unknown ", model.unk_id(), "; T5 needs pad ", kPadId,
                                      ", eos ", kEosId, ", unknown ", kUnkId));
}

// SentencePiece drops sentences over 4192 bytes: texts are cut at newlines, long lines at spaces.
constexpr size_t kLongestSentence = 4000;

size_t SentenceEnd(std::string_view text) {
  const size_t newline = text.find('\n');
  if (std::min(newline, text.size()) <= kLongestSentence) return std::min(newline, text.size());
  const size_t space = text.rfind(' ', kLongestSentence);
  if (space != std::string_view::npos && space > 0) return space;
  size_t end = kLongestSentence;  // no space at all: not inside a UTF-8 character
  while (end > 1 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end;
}

std::vector<std::string> CutSentences(const std::vector<std::string>& texts) {
  std::vector<std::string> sentences;
  for (std::string_view rest : texts) {
    while (!rest.empty()) {
      const size_t end = SentenceEnd(rest);
      if (end > 0) sentences.emplace_back(rest.substr(0, end));
      const bool at_break = end < rest.size() && (rest[end] == '\n' || rest[end] == ' ');
      rest.remove_prefix(end + (at_break ? 1 : 0));
    }
  }
  return sentences;
}

// SentencePiece makes as many pieces as the text gives and says nothing.
void WarnOfFewPieces(const std::string& content, int64_t asked) {
  std::string error;
  const auto model = SentencePieceModel::Parse(content, &error);
  if (model == nullptr || model->size() * 10 >= asked * 9) return;
  LogWarning(absl::StrCat("the vocabulary has ", model->size(), " pieces of the ", asked,
                          " asked for: the text gives no more; add text or ask for fewer"));
}

// What transformers needs to load the folder as a T5Tokenizer.
Json ConfigFor(int32_t extra_ids) {
  return Json{{"tokenizer_class", "T5Tokenizer"},
              {"extra_ids", extra_ids},
              {"eos_token", "</s>"},
              {"pad_token", "<pad>"},
              {"unk_token", "<unk>"}};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::Load(const std::string& folder) {
  const std::string path = JoinPath(folder, kModelFile);
  REGROUP_ASSIGN_OR_RETURN(std::string content, ReadFile(path));
  std::string error;
  std::unique_ptr<SentencePieceModel> model = SentencePieceModel::Parse(content, &error);
  if (model == nullptr) {
    return UserError(path, absl::StrCat("is no SentencePiece model (", error, ")"));
  }
  REGROUP_RETURN_IF_ERROR(CheckSpecialIds(*model, path));

  std::vector<std::pair<std::string, std::string>> files;
  files.emplace_back(kModelFile, std::move(content));
  int32_t sentinels = kDefaultSentinels;
  const std::string config_path = JoinPath(folder, kConfigFile);
  if (FileExists(config_path)) {
    REGROUP_ASSIGN_OR_RETURN(std::string config, ReadFile(config_path));
    REGROUP_ASSIGN_OR_RETURN(sentinels, SentinelsOf(config, config_path));
    files.emplace_back(kConfigFile, std::move(config));
  }
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<T5Tokenizer>(std::move(model), sentinels, std::move(files)));
}

std::string Tokenizer::Fingerprint() const {
  std::string hashes;
  for (const auto& [name, content] : Files())
    absl::StrAppend(&hashes, name, " ", HashBytes(content), "\n");
  return HashBytes(hashes);
}

bool HasTokenizer(const std::string& folder) { return FileExists(JoinPath(folder, kModelFile)); }

absl::Status TrainTokenizer(const TokenizerTraining& training, const std::string& folder) {
  if (training.vocab_size < 4) {
    return UserError("tokenizer: vocab_size",
                     absl::StrCat("is ", training.vocab_size, ", expected at least 4"));
  }
  const std::vector<std::string> sentences = CutSentences(training.sentences);
  if (sentences.empty()) return UserError("tokenizer: files", "hold no text to train on");
  std::string model;
  const std::string error = TrainSentencePiece(sentences, training.vocab_size, &model);
  if (!error.empty()) {
    return UserError("tokenizer", absl::StrCat("SentencePiece could not train a vocabulary of ",
                                               training.vocab_size, " pieces: ", error));
  }
  WarnOfFewPieces(model, training.vocab_size);
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(folder, kModelFile), model));
  return WriteFileAtomically(JoinPath(folder, kConfigFile),
                             DumpJsonPretty(ConfigFor(training.extra_ids)));
}

}  // namespace regroup
