// The arithmetic of T5's span corruption; the stream over corpora is in span_stream.cc.
#include "data/span_corruption.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/status.h"

namespace regroup {
namespace {

// Corrupted lengths of a segment of `tokens`, EOS included on both sides.
SpanLengths LengthsFor(int64_t tokens, double noise_density, double mean_span_length) {
  const double noise = std::nearbyint(static_cast<double>(tokens) * noise_density);
  const auto noise_tokens = static_cast<int64_t>(noise);
  const auto spans = static_cast<int64_t>(std::nearbyint(noise / mean_span_length));
  return {tokens, tokens - noise_tokens + spans + 1, noise_tokens + spans + 1};
}

// Lengths of the spans that an indicator of `count - 1` entries cuts `count` tokens into.
std::vector<int64_t> SpanSizes(const std::vector<bool>& starts) {
  std::vector<int64_t> sizes = {1};
  for (const bool starts_span : starts) {
    if (starts_span) sizes.push_back(0);
    ++sizes.back();
  }
  return sizes;
}

// `spans - 1` ones among `count - 1` entries in random order.
std::vector<bool> ShuffledIndicator(int64_t count, int64_t spans, CounterRng& rng) {
  std::vector<bool> starts(static_cast<size_t>(count - 1));
  std::fill_n(starts.begin(), spans - 1, true);
  for (size_t i = starts.size(); i > 1; --i) {
    const size_t j = rng.Below(i);
    const bool kept = starts[i - 1];
    starts[i - 1] = starts[j];
    starts[j] = kept;
  }
  return starts;
}

// noise_span_to_unique_sentinel: the first token of the k-th run where mask == `replaced` becomes
// sentinel k, the rest of the run is dropped.
std::vector<int32_t> ReplaceSpans(std::span<const int32_t> ids, const std::vector<bool>& mask,
                                  bool replaced, const Tokenizer& tokenizer) {
  std::vector<int32_t> out;
  int32_t spans = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (mask[i] != replaced) {
      out.push_back(ids[i]);
    } else if (i == 0 || mask[i - 1] != replaced) {
      REGROUP_CHECK(spans < tokenizer.sentinels(), "more spans than sentinels");
      out.push_back(tokenizer.SentinelId(spans++));
    }
  }
  out.push_back(kEosId);
  return out;
}

}  // namespace

SpanLengths ComputeSpanLengths(int64_t source_length, double noise_density,
                               double mean_span_length) {
  SpanLengths lengths = LengthsFor(source_length - 1, noise_density, mean_span_length);
  while (true) {
    const SpanLengths longer = LengthsFor(lengths.tokens + 1, noise_density, mean_span_length);
    if (longer.source > source_length) break;
    lengths = longer;
  }
  // T5's rule for half noise: the target shall not be longer than the source.
  if (noise_density == 0.5 && lengths.target > lengths.source) {
    --lengths.tokens;
    --lengths.target;
  }
  return lengths;
}

NoiseCounts CountNoise(int64_t length, double noise_density, double mean_span_length) {
  const int64_t n = std::max<int64_t>(length, 2);
  const float product = static_cast<float>(n) * static_cast<float>(noise_density);
  NoiseCounts counts;
  counts.noise = std::clamp<int64_t>(static_cast<int64_t>(std::nearbyint(product)), 1, n - 1);
  const float quotient = static_cast<float>(counts.noise) / static_cast<float>(mean_span_length);
  counts.spans = std::max<int64_t>(1, static_cast<int64_t>(std::nearbyint(quotient)));
  counts.spans = std::min({counts.spans, counts.noise, n - counts.noise});
  return counts;
}

std::vector<bool> MaskFromIndicators(int64_t length, const std::vector<bool>& starts_noise,
                                     const std::vector<bool>& starts_kept) {
  const std::vector<int64_t> noise = SpanSizes(starts_noise);
  const std::vector<int64_t> kept = SpanSizes(starts_kept);
  REGROUP_CHECK(noise.size() == kept.size(), "the indicators differ in their number of spans");
  std::vector<bool> mask;
  for (size_t span = 0; span < noise.size(); ++span) {
    mask.insert(mask.end(), static_cast<size_t>(kept[span]), false);
    mask.insert(mask.end(), static_cast<size_t>(noise[span]), true);
  }
  mask.resize(static_cast<size_t>(length));
  return mask;
}

std::vector<bool> DrawNoiseMask(int64_t length, double noise_density, double mean_span_length,
                                CounterRng& rng) {
  const NoiseCounts counts = CountNoise(length, noise_density, mean_span_length);
  const int64_t kept = std::max<int64_t>(length, 2) - counts.noise;
  const std::vector<bool> starts_noise = ShuffledIndicator(counts.noise, counts.spans, rng);
  const std::vector<bool> starts_kept = ShuffledIndicator(kept, counts.spans, rng);
  return MaskFromIndicators(length, starts_noise, starts_kept);
}

Example CorruptSpans(std::span<const int32_t> ids, const std::vector<bool>& mask,
                     const Tokenizer& tokenizer) {
  REGROUP_CHECK(ids.size() == mask.size());
  Example example;
  example.input_ids = ReplaceSpans(ids, mask, /*replaced=*/true, tokenizer);
  example.target_ids = ReplaceSpans(ids, mask, /*replaced=*/false, tokenizer);
  return example;
}

}  // namespace regroup
