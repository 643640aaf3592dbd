// T5's tokenizer: a SentencePiece model and sentinels. Loading of every kind, training.
#include "text/tokenizer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/foreign.h"
#include "core/json.h"
#include "core/log.h"
#include "text/byte_tokenizer.h"
#include "text/sentencepiece_bridge.h"
#include "text/sentinels.h"

namespace regroup {
namespace {

constexpr const char* kModelFile = "spiece.model";
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr const char* kModelConfigFile = "config.json";
constexpr const char* kByteClass = "ByT5Tokenizer";
constexpr int64_t kByteVocabulary = 384;
constexpr uint64_t kLargestVocabulary = uint64_t{64} << 20;  // bytes; mT5's has 4 MB

class T5Tokenizer : public Tokenizer {
 public:
  T5Tokenizer(std::unique_ptr<SentencePieceModel> model, Sentinels sentinels,
              std::vector<std::pair<std::string, std::string>> files)
      : model_(std::move(model)), sentinels_(std::move(sentinels)), files_(std::move(files)) {
    size_ = model_->size();
    for (size_t n = 0; n < sentinels_.ids.size(); ++n) {
      numbers_[sentinels_.ids[n]] = static_cast<int32_t>(n);
      size_ = std::max(size_, sentinels_.ids[n] + 1);
    }
  }

  std::vector<int32_t> Encode(std::string_view text) const override {
    std::vector<int32_t> ids;
    while (const auto match = Next(text)) {
      AppendPlain(text.substr(0, match->begin), &ids);
      ids.push_back(SentinelId(match->number));
      text.remove_prefix(match->begin + match->bytes);
    }
    AppendPlain(text, &ids);
    return ids;
  }

  std::string Decode(std::span<const int32_t> ids) const override {
    std::string text;
    std::vector<int32_t> run;
    for (const int32_t id : ids) {
      if (id == kPadId || id == kEosId || id < 0) continue;
      if (id < model_->size()) {
        run.push_back(id);
      } else if (const auto found = numbers_.find(id); found != numbers_.end()) {
        AppendWord(model_->Decode(run), &text);
        run.clear();
        AppendWord(SentinelText(found->second), &text);
      }
    }
    AppendWord(model_->Decode(run), &text);
    return text;
  }

  int32_t size() const override { return size_; }
  int32_t sentinels() const override { return static_cast<int32_t>(sentinels_.ids.size()); }
  int32_t SentinelId(int32_t n) const override { return sentinels_.ids.at(static_cast<size_t>(n)); }
  std::vector<std::pair<std::string, std::string>> Files() const override { return files_; }

 private:
  std::optional<SentinelMatch> Next(std::string_view text) const {
    return sentinels_.pieces ? std::nullopt : FindSentinel(text, sentinels());
  }

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
  Sentinels sentinels_;
  std::unordered_map<int32_t, int32_t> numbers_;  // id -> number of a sentinel
  int32_t size_;
  std::vector<std::pair<std::string, std::string>> files_;
};

// A JSON object in `folder`, or an empty one where the file is missing.
absl::StatusOr<Json> ConfigIn(const std::string& folder, const char* name) {
  const std::string path = JoinPath(folder, name);
  if (!FileExists(path)) return Json::object();
  REGROUP_ASSIGN_OR_RETURN(Json config, ReadConfigFile(path));
  if (!config.is_object()) return UserError(path, "expected a JSON object");
  return config;
}

// What the header of Tokenizer::Load says of ByT5.
bool IsByteModel(const std::string& folder) {
  const Json none = Json::object();
  const Json config = ConfigIn(folder, kConfigFile).value_or(none);
  const Json model = ConfigIn(folder, kModelConfigFile).value_or(none);
  for (const Json* json : {&config, &model}) {
    if (json->value("tokenizer_class", Json()) == kByteClass) return true;
  }
  return model.value("vocab_size", Json()) == kByteVocabulary &&
         !FileExists(JoinPath(folder, kModelFile));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> LoadBytes(const std::string& folder) {
  const std::string path = JoinPath(folder, kConfigFile);
  REGROUP_ASSIGN_OR_RETURN(const Json config, ConfigIn(folder, kConfigFile));
  REGROUP_ASSIGN_OR_RETURN(const SentinelSettings settings, ReadSentinelSettings(config, path));
  const auto listed = static_cast<int32_t>(settings.listed.size());
  const int32_t sentinels = listed > 0 ? listed : settings.extra_ids.value_or(kByteSentinels);
  std::vector<std::pair<std::string, std::string>> files;
  if (FileExists(path)) {
    REGROUP_ASSIGN_OR_RETURN(std::string content, ReadSmallFile(path, kLargestVocabulary));
    files.emplace_back(kConfigFile, std::move(content));
  }
  return MakeByteTokenizer(sentinels, std::move(files));
}

absl::Status NoModel(const std::string& content, const std::string& error,
                     const std::string& path) {
  const std::string foreign = ForeignContent(content);
  const std::string reason = content.empty()   ? "the file is empty"
                             : foreign.empty() ? error
                                               : foreign;
  return UserError(path, absl::StrCat("is no SentencePiece model: ", reason));
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
  REGROUP_ASSIGN_OR_RETURN(const Json config, ConfigIn(folder, kConfigFile));
  if (IsByteModel(folder)) return LoadBytes(folder);
  const std::string path = JoinPath(folder, kModelFile);
  REGROUP_ASSIGN_OR_RETURN(std::string content, ReadSmallFile(path, kLargestVocabulary));
  std::string error;
  std::unique_ptr<SentencePieceModel> model = SentencePieceModel::Parse(content, &error);
  if (model == nullptr) return NoModel(content, error, path);
  REGROUP_RETURN_IF_ERROR(CheckSpecialIds(*model, path));

  std::vector<std::pair<std::string, std::string>> files;
  files.emplace_back(kModelFile, std::move(content));
  const std::string config_path = JoinPath(folder, kConfigFile);
  REGROUP_ASSIGN_OR_RETURN(const SentinelSettings settings,
                           ReadSentinelSettings(config, config_path));
  REGROUP_ASSIGN_OR_RETURN(Sentinels sentinels, ResolveSentinels(settings, *model, config_path));
  if (FileExists(config_path)) {
    REGROUP_ASSIGN_OR_RETURN(std::string text, ReadSmallFile(config_path, kLargestVocabulary));
    files.emplace_back(kConfigFile, std::move(text));
  }
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<T5Tokenizer>(std::move(model), std::move(sentinels), std::move(files)));
}

std::string Tokenizer::Fingerprint() const {
  std::string hashes;
  for (const auto& [name, content] : Files())
    absl::StrAppend(&hashes, name, " ", HashBytes(content), "\n");
  return HashBytes(hashes);
}

bool HasTokenizer(const std::string& folder) {
  const bool is_broken = !ConfigIn(folder, kConfigFile).ok();  // Load says how
  return FileExists(JoinPath(folder, kModelFile)) || IsByteModel(folder) || is_broken;
}

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
