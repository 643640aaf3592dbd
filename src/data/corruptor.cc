// Masks keyed by position, applied to segments.
#include "data/corruptor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/random.h"

namespace regroup {
namespace {

void CutBeforeEos(int64_t length, std::vector<int32_t>* ids) {
  if (static_cast<int64_t>(ids->size()) <= length) return;
  ids->resize(static_cast<size_t>(length));
  ids->back() = kEosId;
}

}  // namespace

absl::Status CheckSentinels(const SpanCorruptionConfig& config, int64_t sentinels) {
  const int64_t tokens =
      ComputeSpanLengths(config.source_length, config.noise_density, config.mean_span_length)
          .tokens;
  const int64_t spans = CountNoise(tokens, config.noise_density, config.mean_span_length).spans;
  if (spans <= sentinels) return absl::OkStatus();
  return UserError("source_length",
                   absl::StrCat("segments of ", tokens, " tokens have ", spans,
                                " masked spans, the tokenizer has ", sentinels,
                                " sentinels: shorten source_length, lower noise_density or raise "
                                "mean_span_length"));
}

Corruptor::Corruptor(const SpanCorruptionConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
                     uint64_t seed)
    : config_(config),
      lengths_(
          ComputeSpanLengths(config.source_length, config.noise_density, config.mean_span_length)),
      tokenizer_(std::move(tokenizer)),
      seed_(seed) {}

absl::StatusOr<Corruptor> Corruptor::Create(const SpanCorruptionConfig& config,
                                            std::shared_ptr<const Tokenizer> tokenizer,
                                            uint64_t seed) {
  REGROUP_RETURN_IF_ERROR(CheckSentinels(config, tokenizer->sentinels()));
  return Corruptor(config, std::move(tokenizer), seed);
}

Example Corruptor::Corrupt(std::span<const int32_t> segment, uint64_t position) const {
  CounterRng rng(seed_, RandomPurpose::kSpanMask, position);
  const std::vector<bool> mask = DrawNoiseMask(
      static_cast<int64_t>(segment.size()), config_.noise_density, config_.mean_span_length, rng);
  Example example = CorruptSpans(segment, mask, *tokenizer_);
  example.position = position;
  // Lengths are computed in double, masks in fp32: where they disagree, T5 cuts before the EOS.
  CutBeforeEos(lengths_.source, &example.input_ids);
  CutBeforeEos(lengths_.target, &example.target_ids);
  return example;
}

}  // namespace regroup
