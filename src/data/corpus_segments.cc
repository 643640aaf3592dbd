// Windows of blobs, cut and shuffled, epoch after epoch.
#include "data/corpus_segments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/random.h"

namespace regroup {
namespace {

constexpr int64_t kBlobsPerWindow = 8;
// A window takes no further blob beyond this many ids (16 MB): long documents do not fill memory.
constexpr size_t kFullWindow = size_t{1} << 22;

std::vector<int64_t> FileOrder(const Corpus& corpus, int64_t epoch) {
  CounterRng rng(corpus.seed, RandomPurpose::kDocumentOrder, static_cast<uint64_t>(epoch));
  return rng.Permutation(static_cast<int64_t>(corpus.files.size()));
}

bool IsCount(const Json& json) { return json.is_number_integer() && json.get<int64_t>() >= 0; }

}  // namespace

Json CursorToJson(const SegmentCursor& cursor) {
  return Json{{"epoch", cursor.epoch},
              {"window", cursor.window},
              {"file", cursor.begin.file},
              {"line", cursor.begin.line},
              {"index", cursor.index}};
}

std::optional<SegmentCursor> CursorFromJson(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  for (const char* key : {"epoch", "window", "file", "line", "index"}) {
    if (!json.contains(key) || !IsCount(json[key])) return std::nullopt;
  }
  SegmentCursor cursor;
  cursor.epoch = json["epoch"].get<int64_t>();
  cursor.window = json["window"].get<int64_t>();
  cursor.begin = {json["file"].get<int64_t>(), json["line"].get<int64_t>()};
  cursor.index = json["index"].get<int64_t>();
  return cursor;
}

void CutBlob(int64_t offset, int64_t size, int64_t length, std::vector<SegmentBounds>* segments) {
  for (int64_t begin = offset; begin < offset + size; begin += length) {
    const int64_t end = std::min(begin + length, offset + size);
    if (end - begin >= 2) segments->push_back({begin, end});
  }
}

CorpusSegments::CorpusSegments(Corpus corpus, std::shared_ptr<const Tokenizer> tokenizer,
                               int64_t segment_length)
    : corpus_(std::make_unique<const Corpus>(std::move(corpus))),
      tokenizer_(std::move(tokenizer)),
      segment_length_(segment_length) {}

void CorpusSegments::MoveTo(const SegmentCursor& cursor) {
  cursor_ = cursor;
  loaded_ = false;
  reader_.reset();
  epoch_empty_ = cursor.window == 0 && cursor.index == 0;
}

absl::StatusOr<std::span<const int32_t>> CorpusSegments::Next() {
  if (!loaded_) REGROUP_RETURN_IF_ERROR(LoadWindow());
  while (cursor_.index >= static_cast<int64_t>(order_.size())) {
    REGROUP_RETURN_IF_ERROR(PastWindow());
    REGROUP_RETURN_IF_ERROR(LoadWindow());
  }
  epoch_empty_ = false;
  const int64_t chosen = order_[static_cast<size_t>(cursor_.index++)];
  const SegmentBounds bounds = segments_[static_cast<size_t>(chosen)];
  return std::span<const int32_t>(ids_).subspan(static_cast<size_t>(bounds.begin),
                                                static_cast<size_t>(bounds.end - bounds.begin));
}

// Moves the cursor from the end of its window to the start of the next one.
absl::Status CorpusSegments::PastWindow() {
  cursor_.index = 0;
  ++cursor_.window;
  if (!epoch_ended_) {
    cursor_.begin = reader_->place();
    return absl::OkStatus();
  }
  if (epoch_empty_) {
    return UserError(absl::StrCat("corpora.", corpus_->name),
                     "its files hold no text of two tokens or more");
  }
  cursor_ = {cursor_.epoch + 1, 0, {}, 0};
  reader_.reset();
  epoch_empty_ = true;
  return absl::OkStatus();
}

// Reads the window that begins at the cursor. After an error the next call begins it anew.
absl::Status CorpusSegments::LoadWindow() {
  const absl::Status filled = FillWindow();
  loaded_ = filled.ok();
  if (!loaded_) reader_.reset();
  return filled;
}

absl::Status CorpusSegments::FillWindow() {
  if (reader_ == nullptr) {
    reader_ = std::make_unique<DocumentReader>(*corpus_, *tokenizer_,
                                               FileOrder(*corpus_, cursor_.epoch), cursor_.epoch);
    REGROUP_RETURN_IF_ERROR(reader_->MoveTo(cursor_.begin));
  }
  ids_.clear();
  segments_.clear();
  epoch_ended_ = false;
  for (int64_t blobs = 0; blobs < kBlobsPerWindow && ids_.size() < kFullWindow; ++blobs) {
    REGROUP_ASSIGN_OR_RETURN(const std::vector<int32_t> blob, ReadBlob(*reader_));
    epoch_ended_ = blob.empty();
    if (epoch_ended_) break;
    CutBlob(static_cast<int64_t>(ids_.size()), static_cast<int64_t>(blob.size()), segment_length_,
            &segments_);
    ids_.insert(ids_.end(), blob.begin(), blob.end());
  }
  CounterRng rng(
      corpus_->seed, RandomPurpose::kExampleOrder,
      static_cast<uint64_t>(cursor_.epoch) << 32 | static_cast<uint64_t>(cursor_.window));
  order_ = rng.Permutation(static_cast<int64_t>(segments_.size()));
  return absl::OkStatus();
}

}  // namespace regroup
