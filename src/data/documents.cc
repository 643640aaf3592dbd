// From lines of corpus files to token ids of documents.
#include "data/documents.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/json.h"
#include "core/random.h"

namespace regroup {
namespace {

constexpr int64_t kLongestDocument = 65536;  // tokens; T5's select_random_chunk
constexpr int64_t kDocumentsPerBlob = 128;   // T5's reduce_concat_tokens

// A seed of the corpus's own, so that another corpus beside it changes nothing in its order.
uint64_t CorpusSeed(uint64_t seed, const std::string& name) {
  uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  }
  CounterRng rng(seed, RandomPurpose::kDocumentOrder, hash);
  const uint64_t high = rng.Next();
  return high << 32 | rng.Next();
}

}  // namespace

absl::StatusOr<Corpus> OpenCorpus(const std::string& name, const CorpusConfig& config,
                                  uint64_t seed) {
  if (config.files.empty()) return UserError(absl::StrCat("corpora.", name), "names no files");
  Corpus corpus{name, config, {}, CorpusSeed(seed, name)};
  REGROUP_ASSIGN_OR_RETURN(corpus.files, ExpandGlobs(config.files));
  return corpus;
}

DocumentReader::DocumentReader(const Corpus& corpus, const Tokenizer& tokenizer,
                               std::vector<int64_t> order, int64_t epoch)
    : corpus_(corpus), tokenizer_(tokenizer), order_(std::move(order)), epoch_(epoch) {}

absl::Status DocumentReader::MoveTo(const DocumentPlace& place) {
  place_ = {place.file, 0};
  lines_.reset();
  while (place_.line < place.line) {
    REGROUP_ASSIGN_OR_RETURN(const auto line, NextLine());
    if (!line.has_value() || place_.file != place.file) {
      return UserError(absl::StrCat("corpora.", corpus_.name),
                       "a file became shorter since the position in it was recorded");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> DocumentReader::NextLine() {
  while (place_.file < static_cast<int64_t>(order_.size())) {
    if (lines_ == nullptr) {
      const auto file = static_cast<size_t>(order_[static_cast<size_t>(place_.file)]);
      REGROUP_ASSIGN_OR_RETURN(lines_, LineReader::Open(corpus_.files[file]));
    }
    REGROUP_ASSIGN_OR_RETURN(auto line, lines_->Next());
    if (line.has_value()) {
      ++place_.line;
      return line;
    }
    lines_.reset();
    place_ = {place_.file + 1, 0};
  }
  return std::optional<std::string>();
}

absl::StatusOr<std::string> DocumentReader::TextOf(const std::string& line) const {
  if (line.empty()) return line;  // a blank line between rows holds no document
  const std::string place = absl::StrCat(lines_->path(), ":", lines_->line_number());
  if (corpus_.config.format == "text") {
    REGROUP_RETURN_IF_ERROR(CheckUtf8(line, place));
    return line;
  }
  REGROUP_ASSIGN_OR_RETURN(const Json row, ParseJson(line, place));
  if (!row.is_object()) return UserError(place, "expected a JSON object");
  const std::string& key = corpus_.config.text;
  const auto found = row.find(key);
  if (found == row.end()) {
    std::vector<std::string> keys;
    for (const auto& item : row.items()) keys.push_back(item.key());
    return UserError(
        place, absl::StrCat("has no key \"", key, "\"", DidYouMean(key, keys), "; set corpora.",
                            corpus_.name, ".text to the text's key"));
  }
  if (!found->is_string()) return UserError(place, absl::StrCat("\"", key, "\" is no text"));
  return found->get<std::string>();
}

void DocumentReader::KeepOneChunk(std::vector<int32_t>* ids) const {
  const auto length = static_cast<int64_t>(ids->size());
  if (length <= kLongestDocument) return;
  const auto file = static_cast<uint64_t>(order_[static_cast<size_t>(place_.file)]);
  CounterRng rng(corpus_.seed, RandomPurpose::kDocumentOrder,
                 file << 40 | static_cast<uint64_t>(place_.line),
                 static_cast<uint32_t>(epoch_) + 1);
  const int64_t chunks = (length + kLongestDocument - 1) / kLongestDocument;
  const auto chunk = static_cast<int64_t>(rng.Below(static_cast<uint64_t>(chunks)));
  const int64_t begin = chunk * kLongestDocument;
  const int64_t end = std::min(length, begin + kLongestDocument);
  *ids = std::vector<int32_t>(ids->begin() + begin, ids->begin() + end);
}

absl::StatusOr<std::optional<std::vector<int32_t>>> DocumentReader::Next() {
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(const auto line, NextLine());
    if (!line.has_value()) return std::optional<std::vector<int32_t>>();
    REGROUP_ASSIGN_OR_RETURN(const std::string text, TextOf(*line));
    std::vector<int32_t> ids = tokenizer_.Encode(text);
    if (ids.empty()) continue;
    KeepOneChunk(&ids);
    return std::optional<std::vector<int32_t>>(std::move(ids));
  }
}

absl::StatusOr<std::vector<int32_t>> ReadBlob(DocumentReader& reader) {
  std::vector<int32_t> blob;
  for (int64_t i = 0; i < kDocumentsPerBlob; ++i) {
    REGROUP_ASSIGN_OR_RETURN(const auto document, reader.Next());
    if (!document.has_value()) break;
    blob.insert(blob.end(), document->begin(), document->end());
  }
  return blob;
}

}  // namespace regroup
