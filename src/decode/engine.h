// The inference engine: encoder, greedy decoding and beam search with K/V caches of G heads in
// self- and cross-attention, never expanded. Reads (T5Config, StateDict). evaluate, bench and the
// Validator use it. Parity: ids and scores of Hugging Face `generate` without sampling.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/status.h"
#include "decode/decode_config.h"
#include "decode/hypothesis.h"
#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

struct DecodeTimes {
  double encoder_seconds = 0;        // encoder and the cross caches' filling
  std::vector<double> step_seconds;  // every decoder step, picking included
  int64_t cache_bytes = 0;           // K/V caches as allocated, of the largest batch
  double decode_seconds() const;
  void Add(const DecodeTimes& more);
};

class Engine {
 public:
  // compute: kFloat, kBFloat16 or kDouble; packs copies of the weights, on their device.
  static std::unique_ptr<Engine> Create(const T5Config& config, const StateDict& weights,
                                        at::ScalarType compute);
  virtual ~Engine() = default;
  // One batch; result in the order of `sources` (not empty, none of them empty). Absent options
  // take DecodeConfig's own defaults; forced ids are in the vocabulary. Ids do not depend on how
  // rows are batched (fp32). Adds to `times` unless it is null. Returns StoppedStatus() if a signal
  // came.
  virtual absl::StatusOr<std::vector<Hypothesis>> Generate(
      std::span<const std::vector<int32_t>> sources, int64_t max_length,
      const DecodeConfig& options, DecodeTimes* times) const = 0;
  // Logits [b, t, v] of the cached decoder fed with `input_bt` (int64, start token first): what
  // tests compare with the full forward pass of `model`.
  virtual at::Tensor ForcedLogits(std::span<const std::vector<int32_t>> sources,
                                  const at::Tensor& input_bt) const = 0;
  // Bytes that K and V of one batch occupy with one beam (the self part counts once for each beam):
  // self [b, G, max_length, e] + cross [b, G, s, e] per
  // layer, times two.
  virtual int64_t KvBytes(int64_t rows, int64_t source_length, int64_t max_length) const = 0;
  virtual int64_t KvBytesPerPosition() const = 0;  // self + cross, one position each, all layers
  virtual int64_t DecoderBytes() const = 0;        // weights that one step reads
  virtual const T5Config& config() const = 0;
};

// Rows sorted by length into batches of at most options.batch_tokens; calls `done(row index,
// hypothesis)` batch by batch.
absl::Status GenerateAll(const Engine& engine, const std::vector<std::vector<int32_t>>& sources,
                         int64_t max_length, const DecodeConfig& options, DecodeTimes* times,
                         const std::function<absl::Status(size_t, Hypothesis)>& done);

}  // namespace regroup
