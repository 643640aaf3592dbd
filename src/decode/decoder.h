// The decoder of the inference engine: static K/V caches of g heads and one step of a batch. Engine
// drives it.
//
//   self cache  [b*g, longest target, e]  written in place at the step's position
//   cross cache [b*g, longest source, e]  filled once per sentence
//
// Query heads of a group stand together ([b, g, r, e]), so q K^T is one batched product over b*g
// with r rows: K and V are never expanded or copied, and with r > 1 each cached key is read once
// for r query heads.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "decode/encoder.h"
#include "decode/packed_weights.h"

namespace regroup {

class DecoderState {
 public:
  // `encoded` is EncodeRows' result for rows that fall into `runs`.
  DecoderState(const PackedWeights& weights, const at::Tensor& encoded,
               std::span<const LengthRun> runs, int64_t max_length);

  // Feeds the next id of each row (int64 [b]) and returns logits [b, v] in the compute type.
  at::Tensor Step(const at::Tensor& ids_b);

  // Keeps only these rows (int64 [k], ascending) in every cache.
  void KeepRows(const at::Tensor& rows_k);

  // Bytes of all layers' caches as they are allocated.
  int64_t CacheBytes() const;

  int64_t rows() const { return rows_; }
  int64_t position() const { return position_; }

 private:
  struct Cache {
    at::Tensor self_key, self_value, cross_key, cross_value;  // [b*g, length, e]
    // [h, max_length]; column max_length - 1 - n is the bias at distance n
    at::Tensor bias_by_key;
  };
  at::Tensor Attend(const at::Tensor& query_bx, int64_t groups, const at::Tensor& key,
                    const at::Tensor& value, const at::Tensor& bias) const;
  void AddSelfAttention(const AttentionWeights& w, Cache& cache, at::Tensor& x_bd) const;
  void AddCrossAttention(const AttentionWeights& w, const Cache& cache, at::Tensor& x_bd) const;
  void FillCross(const AttentionWeights& w, const at::Tensor& encoded,
                 std::span<const LengthRun> runs, Cache& cache) const;

  const PackedWeights& weights_;
  int64_t rows_ = 0, source_length_ = 0, max_length_ = 0;
  int64_t position_ = 0;
  at::Tensor source_mask_;  // [b, 1, s] 0 or -inf, undefined if all sources are equally long
  std::vector<Cache> caches_;
};

}  // namespace regroup
