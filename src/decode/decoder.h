// The decoder of the inference engine: static K/V caches of g heads and one step of a batch. Engine
// and beam_decoding.cc drive it.
//
//   self cache  [b*g, longest target * n, e]  written in place at the step's position; n beams
//   cross cache [b*g, longest source, e]      filled once per sentence, shared by its beams
//
// Query heads of a group stand together ([b, g, n*r, e]), so q K^T is one batched product over b*g
// with n*r rows: K and V are never expanded or copied, and each cached key is read once for all
// beams and for the r query heads of its group.
//
// Beams (n > 1): beam i writes its key of position t at row t*n + i and never moves it. Each beam
// attends to the rows of its own past and not to those of others: a mask [b, n, t*n] says which
// they are, and reordering the beams reorders its rows alone. The price is n times the products of
// self-attention; the caches are read as often as with one beam.
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
  // `encoded` is EncodeRows' result for rows that fall into `runs`; one sentence is one row.
  DecoderState(const PackedWeights& weights, const at::Tensor& encoded,
               std::span<const LengthRun> runs, int64_t max_length, int64_t beams = 1);

  // Feeds the next id of each beam of each row (int64 [b*n]) and returns logits [b*n, v] in the
  // compute type (bf16: fp32).
  at::Tensor Step(const at::Tensor& ids_b);

  // Beam i goes on with the past of beam parents[i] (int64 [b*n], within the same row).
  void ReorderBeams(const at::Tensor& parents);

  // Keeps only these rows (int64 [k], ascending), with all their beams, in every cache.
  void KeepRows(const at::Tensor& rows_k);

  // Bytes of all layers' caches as they are allocated.
  int64_t CacheBytes() const;

  int64_t rows() const { return rows_; }
  int64_t position() const { return position_; }
  c10::Device device() const { return weights_.embedding_vd.device(); }

 private:
  struct Cache {
    at::Tensor self_key, self_value, cross_key, cross_value;  // [b*g, length, e]
    // [h, max_length]; column max_length - 1 - n is the bias at distance n
    at::Tensor bias_by_key;
  };
  at::Tensor Scores(const at::Tensor& query_bx, int64_t groups, const at::Tensor& key) const;
  at::Tensor Context(at::Tensor scores, const at::Tensor& value) const;
  void AddSelfBias(const at::Tensor& scores, int64_t groups, const at::Tensor& bias_hk) const;
  void AddSelfAttention(const AttentionWeights& w, Cache& cache, at::Tensor& x_bd) const;
  void AddCrossAttention(const AttentionWeights& w, const Cache& cache, at::Tensor& x_bd) const;
  void FillCross(const AttentionWeights& w, const at::Tensor& encoded,
                 std::span<const LengthRun> runs, Cache& cache) const;

  const PackedWeights& weights_;
  int64_t rows_ = 0, beams_ = 1, source_length_ = 0, max_length_ = 0;
  int64_t position_ = 0;
  at::Tensor source_mask_;  // [b, 1, s] 0 or -inf, undefined if all sources are equally long
  at::Tensor past_mask_;    // [b*n, max_length*n] 0 or -inf, undefined for one beam
  std::vector<Cache> caches_;
};

}  // namespace regroup
