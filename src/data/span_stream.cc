// The pre-training stream: a weighted mixture of corpora, corrupted.
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/stop.h"
#include "data/corpus_segments.h"
#include "data/corruptor.h"
#include "data/fingerprint.h"
#include "data/mixture.h"
#include "data/span_corruption.h"

namespace regroup {
namespace {

class SpanCorruptionStream : public ExampleStream {
 public:
  SpanCorruptionStream(Corruptor corruptor, std::vector<CorpusSegments> corpora,
                       std::vector<double> cumulative, uint64_t seed, Json fingerprint)
      : corruptor_(std::move(corruptor)),
        corpora_(std::move(corpora)),
        cumulative_(std::move(cumulative)),
        seed_(seed),
        fingerprint_(std::move(fingerprint)) {}

  absl::StatusOr<Example> Next() override {
    CorpusSegments& corpus = corpora_[CorpusOf(position_)];
    REGROUP_ASSIGN_OR_RETURN(const auto segment, corpus.Next());
    Example example = corruptor_.Corrupt(segment, position_);
    example.id = corpus.corpus().name;
    ++position_;
    return example;
  }

  uint64_t position() const override { return position_; }

  absl::Status Seek(uint64_t position, const Json& hint) override {
    if (position_ > position) Restart();
    Follow(hint, position);
    while (position_ < position) {
      if (StopRequested()) return StoppedStatus();
      REGROUP_RETURN_IF_ERROR(corpora_[CorpusOf(position_)].Next().status());
      ++position_;
    }
    return absl::OkStatus();
  }

  Json Hint() const override {
    Json cursors = Json::object();
    for (const CorpusSegments& corpus : corpora_) {
      cursors[corpus.corpus().name] = CursorToJson(corpus.cursor());
    }
    return Json{{"position", position_}, {"stream", Identity()}, {"corpora", cursors}};
  }

  Json Fingerprint() const override { return fingerprint_; }

 private:
  // Two streams of one identity give the same sequence: only then a hint may be believed.
  std::string Identity() const {
    return HashBytes(absl::StrCat(seed_, " ", DumpJson(fingerprint_)));
  }

  size_t CorpusOf(uint64_t position) const {
    if (corpora_.size() == 1) return 0;
    const double point =
        CounterRng(seed_, RandomPurpose::kMixture, position).Uniform() * cumulative_.back();
    const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, point);
    return static_cast<size_t>(found - cumulative_.begin());
  }

  void Restart() {
    position_ = 0;
    for (CorpusSegments& corpus : corpora_) corpus.MoveTo({});
  }

  // Jumps to where the hint was taken if that is of this stream and on the way to `position`.
  void Follow(const Json& hint, uint64_t position) {
    if (!hint.is_object() || hint.value("stream", Json()) != Json(Identity())) return;
    const Json taken = hint.value("position", Json());
    if (!taken.is_number_unsigned() || taken.get<uint64_t>() > position ||
        taken.get<uint64_t>() <= position_) {
      return;
    }
    const Json cursors = hint.value("corpora", Json());
    if (!cursors.is_object()) return;
    std::vector<SegmentCursor> found;
    for (const CorpusSegments& corpus : corpora_) {
      const auto cursor = CursorFromJson(cursors.value(corpus.corpus().name, Json()));
      if (!cursor.has_value()) return;
      found.push_back(*cursor);
    }
    for (size_t i = 0; i < corpora_.size(); ++i) corpora_[i].MoveTo(found[i]);
    position_ = taken.get<uint64_t>();
  }

  Corruptor corruptor_;
  std::vector<CorpusSegments> corpora_;
  std::vector<double> cumulative_;  // of the weights, corpus by corpus
  uint64_t seed_;
  Json fingerprint_;
  uint64_t position_ = 0;
};

absl::StatusOr<Json> FingerprintOf(const SpanCorruptionConfig& config,
                                   const std::map<std::string, double>& weights,
                                   const std::vector<Corpus>& corpora, const Tokenizer& tokenizer) {
  Json files = Json::object();
  for (const Corpus& corpus : corpora) {
    REGROUP_ASSIGN_OR_RETURN(Json list, FingerprintFiles(corpus.files));
    files[corpus.name] = Json{{"weight", weights.at(corpus.name)},
                              {"format", corpus.config.format},
                              {"text", corpus.config.text},
                              {"files", std::move(list)}};
  }
  return Json{{"kind", "span_corruption"},
              {"tokenizer", tokenizer.Fingerprint()},
              {"source_length", config.source_length},
              {"noise_density", config.noise_density},
              {"mean_span_length", config.mean_span_length},
              {"corpora", std::move(files)}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExampleStream>> OpenSpanCorruptionStream(
    const SpanCorruptionConfig& config, const std::map<std::string, CorpusConfig>& corpora,
    std::shared_ptr<const Tokenizer> tokenizer, uint64_t seed) {
  REGROUP_ASSIGN_OR_RETURN(Corruptor corruptor, Corruptor::Create(config, tokenizer, seed));
  REGROUP_ASSIGN_OR_RETURN(const auto weights, WeightsOf(config, corpora));
  REGROUP_ASSIGN_OR_RETURN(std::vector<Corpus> opened, OpenCorpora(weights, corpora, seed));
  REGROUP_ASSIGN_OR_RETURN(Json fingerprint, FingerprintOf(config, weights, opened, *tokenizer));
  std::vector<CorpusSegments> segments;
  std::vector<double> cumulative;
  for (Corpus& corpus : opened) {
    const double before = cumulative.empty() ? 0.0 : cumulative.back();
    cumulative.push_back(before + weights.at(corpus.name));
    segments.emplace_back(std::move(corpus), tokenizer, corruptor.lengths().tokens);
  }
  return std::unique_ptr<ExampleStream>(
      std::make_unique<SpanCorruptionStream>(std::move(corruptor), std::move(segments),
                                             std::move(cumulative), seed, std::move(fingerprint)));
}

}  // namespace regroup
