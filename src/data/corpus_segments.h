// The endless sequence of raw segments of one corpus: epochs, windows of blobs, shuffled. The
// span-corruption stream draws from one of these per corpus.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/json.h"
#include "core/status.h"
#include "data/documents.h"
#include "text/tokenizer.h"

namespace regroup {

// Where the sequence stands: the window's number in its epoch, where it begins, and the segments of
// its permutation already given.
struct SegmentCursor {
  int64_t epoch = 0;
  int64_t window = 0;
  DocumentPlace begin;
  int64_t index = 0;
};
Json CursorToJson(const SegmentCursor& cursor);
// Null where `json` is no cursor.
std::optional<SegmentCursor> CursorFromJson(const Json& json);

// Bounds of the segments of `length` in a blob of `size` ids that starts at `offset`; the last may
// be shorter. Segments under 2 ids cannot be corrupted and are left out.
struct SegmentBounds {
  int64_t begin = 0;
  int64_t end = 0;
};
void CutBlob(int64_t offset, int64_t size, int64_t length, std::vector<SegmentBounds>* segments);

class CorpusSegments {
 public:
  CorpusSegments(Corpus corpus, std::shared_ptr<const Tokenizer> tokenizer, int64_t segment_length);

  // The next segment; valid until the next call. UserError if a whole epoch has none.
  absl::StatusOr<std::span<const int32_t>> Next();

  const SegmentCursor& cursor() const { return cursor_; }
  // Goes to a cursor of the same corpus. Reads nothing yet.
  void MoveTo(const SegmentCursor& cursor);
  const Corpus& corpus() const { return *corpus_; }

 private:
  absl::Status LoadWindow();
  absl::Status FillWindow();
  absl::Status PastWindow();

  std::unique_ptr<const Corpus> corpus_;  // its address stays when this object moves
  std::shared_ptr<const Tokenizer> tokenizer_;
  int64_t segment_length_;

  SegmentCursor cursor_;
  bool loaded_ = false;                     // the members below hold the cursor's window
  std::unique_ptr<DocumentReader> reader_;  // stands behind the window, or null
  bool epoch_ended_ = false;                // with the window
  std::vector<int32_t> ids_;
  std::vector<SegmentBounds> segments_;
  std::vector<int64_t> order_;
  bool epoch_empty_ = true;  // the epoch was read from its start and gave nothing so far
};

}  // namespace regroup
