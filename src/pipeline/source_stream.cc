// The position stands in the source's provenance.
#include "pipeline/source_stream.h"

#include "absl/strings/str_cat.h"
#include "checkpoint/run_checkpoint.h"
#include "core/log.h"
#include "data/span_corruption.h"

namespace regroup {
namespace {

// Added to the source's seed for another order, once and once more for each data_seed.
constexpr uint64_t kOtherOrder = 1000003;

}  // namespace

absl::StatusOr<SourceStream> OpenSourceStream(const StageContext& context, const HfModel& source,
                                              const SpanCorruptionConfig& data, uint64_t seed,
                                              std::shared_ptr<const Tokenizer> tokenizer) {
  const auto& corpora = context.recipe->head.corpora;
  SourceStream found;
  REGROUP_ASSIGN_OR_RETURN(found.stream, OpenSpanCorruptionStream(data, corpora, tokenizer, seed));
  const Json training = source.provenance.is_object()
                            ? source.provenance.value("training", Json::object())
                            : Json::object();
  if (training.contains("data_position") &&
      training.value("data", Json()) == found.stream->Fingerprint()) {
    found.position = training["data_position"].get<uint64_t>();
    found.hint = training.value("data_hint", Json());
    LogInfo(absl::StrCat(context.name(), ": goes on in the source's data at example ",
                         FormatCount(static_cast<long long>(found.position))));
    return found;
  }
  if (ListCheckpoints(context.folder()).empty())  // said once, not when the stage goes on
    LogInfo(absl::StrCat(context.name(),
                         ": where the source stopped in this data is not known; reads it from its "
                         "beginning, in an order of its own"));
  REGROUP_ASSIGN_OR_RETURN(found.stream,
                           OpenSpanCorruptionStream(data, corpora, tokenizer, seed + kOtherOrder));
  return found;
}

absl::StatusOr<SourceStream> OpenReorderedStream(const StageContext& context,
                                                 const SpanCorruptionConfig& data, uint64_t seed,
                                                 uint64_t data_seed,
                                                 std::shared_ptr<const Tokenizer> tokenizer) {
  SourceStream found;
  REGROUP_ASSIGN_OR_RETURN(found.stream,
                           OpenSpanCorruptionStream(data, context.recipe->head.corpora, tokenizer,
                                                    seed + kOtherOrder * (data_seed + 2)));
  return found;
}

}  // namespace regroup
