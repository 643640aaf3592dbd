// Held-out examples of span corruption: one pass, fixed masks.
#include <algorithm>
#include <memory>
#include <utility>

#include "data/corpus_segments.h"
#include "data/corruptor.h"
#include "data/documents.h"
#include "data/mixture.h"
#include "data/span_corruption.h"

namespace regroup {
namespace {

// One corpus read once in file order, its segments as they come.
class OnePass {
 public:
  OnePass(const Corpus& corpus, const Tokenizer& tokenizer, int64_t segment_length)
      : reader_(corpus, tokenizer, InOrder(corpus), /*epoch=*/0), segment_length_(segment_length) {}

  // The next segment (valid until the next call), or an empty one at the end.
  absl::StatusOr<std::span<const int32_t>> Next() {
    while (next_ == segments_.size()) {
      REGROUP_ASSIGN_OR_RETURN(blob_, ReadBlob(reader_));
      if (blob_.empty()) return std::span<const int32_t>();
      segments_.clear();
      next_ = 0;
      CutBlob(0, static_cast<int64_t>(blob_.size()), segment_length_, &segments_);
    }
    const SegmentBounds bounds = segments_[next_++];
    return std::span<const int32_t>(blob_).subspan(static_cast<size_t>(bounds.begin),
                                                   static_cast<size_t>(bounds.end - bounds.begin));
  }

 private:
  static std::vector<int64_t> InOrder(const Corpus& corpus) {
    std::vector<int64_t> order;
    for (size_t i = 0; i < corpus.files.size(); ++i) order.push_back(static_cast<int64_t>(i));
    return order;
  }

  DocumentReader reader_;
  int64_t segment_length_;
  std::vector<int32_t> blob_;
  std::vector<SegmentBounds> segments_;
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<Example>> ReadHeldOut(const SpanCorruptionConfig& config,
                                                 const std::map<std::string, CorpusConfig>& corpora,
                                                 std::shared_ptr<const Tokenizer> tokenizer,
                                                 uint64_t seed, int64_t limit) {
  REGROUP_ASSIGN_OR_RETURN(const Corruptor corruptor, Corruptor::Create(config, tokenizer, seed));
  REGROUP_ASSIGN_OR_RETURN(const auto weights, WeightsOf(config, corpora));
  REGROUP_ASSIGN_OR_RETURN(const auto opened, OpenCorpora(weights, corpora, seed));
  std::vector<OnePass> passes;
  for (const Corpus& corpus : opened) {
    passes.emplace_back(corpus, *tokenizer, corruptor.lengths().tokens);
  }
  std::vector<Example> examples;
  std::vector<bool> ended(passes.size());
  for (size_t turn = 0; std::count(ended.begin(), ended.end(), false) > 0; ++turn) {
    if (static_cast<int64_t>(examples.size()) >= limit) break;
    const size_t pass = turn % passes.size();
    if (ended[pass]) continue;
    REGROUP_ASSIGN_OR_RETURN(const auto segment, passes[pass].Next());
    ended[pass] = segment.empty();
    if (!segment.empty()) examples.push_back(corruptor.Corrupt(segment, examples.size()));
  }
  if (examples.empty() && limit > 0) {
    return UserError("corpora", "the files hold no text of two tokens or more");
  }
  return examples;
}

}  // namespace regroup
