// One decoder step over static caches. See decoder.h.
#include "decode/decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "decode/sublayers.h"
#include "ops/relative_bias.h"

namespace regroup {
namespace {

at::Tensor SourceMask(std::span<const LengthRun> runs, int64_t rows, int64_t source_length,
                      const at::TensorOptions& options) {
  if (runs.size() == 1) return {};
  at::Tensor mask = at::zeros({rows, 1, source_length}, options);
  for (const LengthRun& run : runs) {
    mask.narrow(0, run.row, run.rows)
        .narrow(2, run.length, source_length - run.length)
        .fill_(-std::numeric_limits<double>::infinity());
  }
  return mask;
}

// The bias of a query at max_length - 1 over all keys: [h, max_length]. A query at position t needs
// its last t + 1 columns.
at::Tensor DecoderBias(const T5Config& config, const at::Tensor& table, int64_t max_length) {
  const RelativeBuckets how = {false, config.relative_attention_num_buckets,
                               config.relative_attention_max_distance};
  const at::Tensor bucket_by_distance =
      RelativePositionBuckets(max_length, 1, how, table.device()).flatten();
  return table.index_select(0, bucket_by_distance.flip(0)).t().contiguous();
}

// Which keys each beam may see while no beam was reordered: its own, at every position.
at::Tensor PastMask(int64_t rows, int64_t beams, int64_t max_length,
                    const at::TensorOptions& options) {
  if (beams == 1) return {};
  const at::Tensor own =
      at::zeros({beams, beams}, options)
          .masked_fill_(at::eye(beams, options).eq(0), -std::numeric_limits<double>::infinity());
  return own.repeat({rows, max_length});
}

// Keeps some rows of a cache whose leading axis is rows * groups.
void KeepCacheRows(at::Tensor& cache, int64_t rows, const at::Tensor& rows_k) {
  const int64_t groups = cache.size(0) / rows;
  cache = cache.view({rows, groups, cache.size(1), cache.size(2)})
              .index_select(0, rows_k)
              .flatten(0, 1);
}

}  // namespace

DecoderState::DecoderState(const PackedWeights& weights, const at::Tensor& encoded,
                           std::span<const LengthRun> runs, int64_t max_length, int64_t beams)
    : weights_(weights), beams_(beams), max_length_(max_length) {
  for (const LengthRun& run : runs) {
    rows_ += run.rows;
    source_length_ = std::max(source_length_, run.length);
  }
  source_mask_ = SourceMask(runs, rows_, source_length_, weights.options());
  past_mask_ = PastMask(rows_, beams, max_length, weights.options());
  for (const DecoderLayerWeights& layer : weights.decoder) {
    const int64_t width = weights.config.d_kv;
    Cache cache;
    cache.self_key =
        at::empty({rows_ * layer.self.groups, max_length * beams, width}, weights.options());
    cache.self_value = at::empty_like(cache.self_key);
    FillCross(layer.cross, encoded, runs, cache);
    cache.bias_by_key = layer.self.bias.defined()
                            ? DecoderBias(weights.config, layer.self.bias, max_length)
                            : caches_.back().bias_by_key;
    caches_.push_back(std::move(cache));
  }
}

void DecoderState::FillCross(const AttentionWeights& w, const at::Tensor& encoded,
                             std::span<const LengthRun> runs, Cache& cache) const {
  const int64_t width = weights_.config.d_kv;
  // Zeros, because masked places must stay finite: 0 * garbage may be NaN.
  cache.cross_key = at::zeros({rows_ * w.groups, source_length_, width}, weights_.options());
  cache.cross_value = at::zeros_like(cache.cross_key);
  const at::Tensor key_value = at::mm(encoded, w.key_value);
  for (const LengthRun& run : runs) {
    const at::Tensor kv = key_value.narrow(0, run.token, run.rows * run.length)
                              .view({run.rows, run.length, 2, w.groups, width});
    for (int64_t which = 0; which < 2; ++which) {
      const at::Tensor& target = which == 0 ? cache.cross_key : cache.cross_value;
      target.view({rows_, w.groups, source_length_, width})
          .narrow(0, run.row, run.rows)
          .narrow(2, 0, run.length)
          .copy_(kv.select(2, which).transpose(1, 2));
    }
  }
}

// query [b*n, h*e], key [b*g, keys, e]. Result [b*g, n*r, keys].
at::Tensor DecoderState::Scores(const at::Tensor& query_bx, int64_t groups,
                                const at::Tensor& key) const {
  const int64_t heads = weights_.config.num_heads / groups, width = weights_.config.d_kv;
  const at::Tensor query = query_bx.view({rows_, beams_, groups, heads, width})
                               .transpose(1, 2)
                               .reshape({rows_ * groups, beams_ * heads, width});
  return at::bmm(query, key.transpose(1, 2));
}

// scores [b*g, n*r, keys] (overwritten), value [b*g, keys, e]. Result [b*n, h*e].
at::Tensor DecoderState::Context(at::Tensor scores, const at::Tensor& value) const {
  at::_softmax_out(scores, scores, -1, /*half_to_float=*/false);
  const int64_t groups = scores.size(0) / rows_, width = weights_.config.d_kv;
  return at::bmm(scores, value)
      .view({rows_, groups, beams_, -1, width})
      .transpose(1, 2)
      .reshape({rows_ * beams_, weights_.config.num_heads * width});
}

// Adds the bias by distance and, with several beams, forbids the pasts of other beams.
void DecoderState::AddSelfBias(const at::Tensor& scores, int64_t groups,
                               const at::Tensor& bias_hk) const {
  const int64_t heads = weights_.config.num_heads / groups, keys = bias_hk.size(1);
  const at::Tensor by_beam = scores.view({rows_, groups, beams_, heads, keys, beams_});
  by_beam.add_(bias_hk.view({groups, 1, heads, keys, 1}));
  if (!past_mask_.defined()) return;
  by_beam.add_(past_mask_.narrow(1, 0, keys * beams_).view({rows_, 1, beams_, 1, keys, beams_}));
}

void DecoderState::AddSelfAttention(const AttentionWeights& w, Cache& cache,
                                    at::Tensor& x_bd) const {
  const at::Tensor normed = InferenceRmsNorm(x_bd, w.norm_d, weights_.config.layer_norm_epsilon);
  const at::Tensor kv = at::mm(normed, w.key_value).view({rows_, beams_, 2, w.groups, -1});
  for (int64_t which = 0; which < 2; ++which) {
    const at::Tensor& target = which == 0 ? cache.self_key : cache.self_value;
    target.narrow(1, position_ * beams_, beams_)
        .view({rows_, w.groups, beams_, -1})
        .copy_(kv.select(2, which).transpose(1, 2));
  }
  const int64_t keys = position_ + 1;
  const at::Tensor scores =
      Scores(at::mm(normed, w.query_dx), w.groups, cache.self_key.narrow(1, 0, keys * beams_));
  AddSelfBias(scores, w.groups, cache.bias_by_key.narrow(1, max_length_ - keys, keys));
  x_bd.addmm_(Context(scores, cache.self_value.narrow(1, 0, keys * beams_)), w.output_xd);
}

void DecoderState::AddCrossAttention(const AttentionWeights& w, const Cache& cache,
                                     at::Tensor& x_bd) const {
  const at::Tensor normed = InferenceRmsNorm(x_bd, w.norm_d, weights_.config.layer_norm_epsilon);
  const at::Tensor scores = Scores(at::mm(normed, w.query_dx), w.groups, cache.cross_key);
  if (source_mask_.defined()) {
    scores.view({rows_, beams_ * weights_.config.num_heads, source_length_}).add_(source_mask_);
  }
  x_bd.addmm_(Context(scores, cache.cross_value), w.output_xd);
}

at::Tensor DecoderState::Step(const at::Tensor& ids_b) {
  REGROUP_CHECK(position_ < max_length_, "decode: a step past the end of the cache");
  const T5Config& config = weights_.config;
  at::Tensor x_bd = weights_.embedding_vd.index_select(0, ids_b);
  for (size_t i = 0; i < weights_.decoder.size(); ++i) {
    const DecoderLayerWeights& layer = weights_.decoder[i];
    AddSelfAttention(layer.self, caches_[i], x_bd);
    AddCrossAttention(layer.cross, caches_[i], x_bd);
    AddFeedForward(layer.feed_forward, config.layer_norm_epsilon, x_bd);
  }
  ++position_;
  at::Tensor normed = InferenceRmsNorm(x_bd, weights_.decoder_norm_d, config.layer_norm_epsilon);
  if (config.scale_decoder_outputs) {
    normed.mul_(1.0 / std::sqrt(static_cast<double>(config.d_model)));
  }
  return at::mm(normed.to(weights_.head_dv.scalar_type()), weights_.head_dv);
}

int64_t DecoderState::CacheBytes() const {
  size_t bytes = 0;
  for (const Cache& cache : caches_) {
    for (const at::Tensor* tensor :
         {&cache.self_key, &cache.self_value, &cache.cross_key, &cache.cross_value}) {
      bytes += tensor->storage().nbytes();
    }
  }
  return static_cast<int64_t>(bytes);
}

// Positions still to come keep their own rows.
void DecoderState::ReorderBeams(const at::Tensor& parents) {
  if (!past_mask_.defined()) return;
  const at::Tensor past = past_mask_.narrow(1, 0, position_ * beams_);
  past.copy_(past.index_select(0, parents));
}

void DecoderState::KeepRows(const at::Tensor& rows_k) {
  for (Cache& cache : caches_) {
    for (at::Tensor* tensor :
         {&cache.self_key, &cache.self_value, &cache.cross_key, &cache.cross_value}) {
      KeepCacheRows(*tensor, rows_, rows_k);
    }
  }
  if (source_mask_.defined()) source_mask_ = source_mask_.index_select(0, rows_k);
  if (past_mask_.defined()) {
    past_mask_ = past_mask_.view({rows_, beams_, -1}).index_select(0, rows_k).flatten(0, 1);
  }
  rows_ = rows_k.size(0);
}

}  // namespace regroup
