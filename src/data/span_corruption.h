// T5's span corruption, exactly (t5/data/preprocessors.py: random_spans_helper,
// random_spans_noise_mask, noise_span_to_unique_sentinel). Used by the pre-training stream and by
// tests.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/status.h"
#include "data/data_config.h"
#include "data/example_stream.h"
#include "text/tokenizer.h"

namespace regroup {

struct SpanLengths {
  int64_t tokens = 0;  // raw tokens per example (568 for 512, 0.15, 3)
  int64_t source = 0;  // corrupted source with EOS
  int64_t target = 0;  // target with EOS (114)
};
// The longest raw segment whose corrupted source fits `source_length` (random_spans_helper: double
// arithmetic, round half to even; the search starts at source_length - 1 and never goes below it).
SpanLengths ComputeSpanLengths(int64_t source_length, double noise_density,
                               double mean_span_length);

struct NoiseCounts {
  int64_t noise = 0;  // masked tokens
  int64_t spans = 0;  // runs of them
};
// Counts for a segment of `length` tokens; the products are rounded in fp32, as T5 does here. Where
// there are fewer kept tokens than spans, the spans are as many as those (T5's own code fails
// there).
NoiseCounts CountNoise(int64_t length, double noise_density, double mean_span_length);

// The mask of a segment from the two shuffled indicators of random_segmentation: `starts_noise` and
// `starts_kept` say for each masked (kept) token but the first whether it begins a new span; each
// holds spans - 1 ones. Kept first, cut to `length`.
std::vector<bool> MaskFromIndicators(int64_t length, const std::vector<bool>& starts_noise,
                                     const std::vector<bool>& starts_kept);

// True = noise; starts kept, ends with noise (length >= 2).
std::vector<bool> DrawNoiseMask(int64_t length, double noise_density, double mean_span_length,
                                CounterRng& rng);

// Replaces masked spans by sentinels S1, S2, ... and drops the rest; EOS is appended to both sides.
// `mask` is as long as `ids` and has at most tokenizer.sentinels() spans on either side.
Example CorruptSpans(std::span<const int32_t> ids, const std::vector<bool>& mask,
                     const Tokenizer& tokenizer);

// The pre-training stream over a mixture of corpora. `seed` keys order, mixture and masks.
//
// Order. The corpus of example p is drawn by counter from the weights. Within a corpus an epoch
// reads its files in a permutation of their own. 128 documents (empty ones dropped, of those over
// 65,536 tokens one random aligned chunk) make a blob, joined without EOS and cut into segments of
// SpanLengths.tokens, the last one shorter. The segments of a window of 8 blobs (fewer when they
// are large) come in a permutation. Segments too short to corrupt (under 2 tokens) are skipped. The
// mask of example p is keyed by p. Hint() names files and lines, so Seek reads one window per
// corpus; without a fitting hint it reads through from the start, with the same result.
//
// Errors: UserError for corpora that are missing, unreadable, malformed (file:line) or hold no
// text, unknown names in the mixture, and lengths that need more sentinels than the tokenizer has.
absl::StatusOr<std::unique_ptr<ExampleStream>> OpenSpanCorruptionStream(
    const SpanCorruptionConfig& config, const std::map<std::string, CorpusConfig>& corpora,
    std::shared_ptr<const Tokenizer> tokenizer, uint64_t seed);

// The first `limit` examples of one pass (held-out evaluation; masks fixed by seed and number).
// Each corpus of the mixture is read in file order; the corpora take turns, whatever their weights.
absl::StatusOr<std::vector<Example>> ReadHeldOut(const SpanCorruptionConfig& config,
                                                 const std::map<std::string, CorpusConfig>& corpora,
                                                 std::shared_ptr<const Tokenizer> tokenizer,
                                                 uint64_t seed, int64_t limit);

}  // namespace regroup
