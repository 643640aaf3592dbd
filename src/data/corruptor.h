// From raw segments to corrupted examples. The pre-training stream and the held-out reader use it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "core/status.h"
#include "data/batch.h"
#include "data/span_corruption.h"
#include "text/tokenizer.h"

namespace regroup {

// UserError if the segments of `config` would need more than `sentinels` sentinels.
absl::Status CheckSentinels(const SpanCorruptionConfig& config, int64_t sentinels);

class Corruptor {
 public:
  // UserError if the segments would need more sentinels than the tokenizer has.
  static absl::StatusOr<Corruptor> Create(const SpanCorruptionConfig& config,
                                          std::shared_ptr<const Tokenizer> tokenizer,
                                          uint64_t seed);

  // Example `position` from a segment of 2 to lengths().tokens ids; its mask is keyed by
  // (seed, position).
  Example Corrupt(std::span<const int32_t> segment, uint64_t position) const;

  const SpanLengths& lengths() const { return lengths_; }

 private:
  Corruptor(const SpanCorruptionConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
            uint64_t seed);

  SpanCorruptionConfig config_;
  SpanLengths lengths_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  uint64_t seed_;
};

}  // namespace regroup
