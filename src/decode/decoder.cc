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

// Keeps some rows of a cache whose leading axis is rows * groups.
void KeepCacheRows(at::Tensor& cache, int64_t rows, const at::Tensor& rows_k) {
  const int64_t groups = cache.size(0) / rows;
  cache = cache.view({rows, groups, cache.size(1), cache.size(2)})
              .index_select(0, rows_k)
              .flatten(0, 1);
}

}  // namespace

DecoderState::DecoderState(const PackedWeights& weights, const at::Tensor& encoded,
                           std::span<const LengthRun> runs, int64_t max_length)
    : weights_(weights), max_length_(max_length) {
  for (const LengthRun& run : runs) {
    rows_ += run.rows;
    source_length_ = std::max(source_length_, run.length);
  }
  source_mask_ = SourceMask(runs, rows_, source_length_, weights.options());
  for (const DecoderLayerWeights& layer : weights.decoder) {
    const int64_t width = weights.config.d_kv;
    Cache cache;
    cache.self_key = at::empty({rows_ * layer.self.groups, max_length, width}, weights.options());
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

// query [b, h*e], key and value [b*g, n, e]; bias broadcasts to [b, h, n]. Result [b, h*e].
at::Tensor DecoderState::Attend(const at::Tensor& query_bx, int64_t groups, const at::Tensor& key,
                                const at::Tensor& value, const at::Tensor& bias) const {
  const int64_t heads = weights_.config.num_heads;
  const at::Tensor query = query_bx.view({rows_ * groups, heads / groups, weights_.config.d_kv});
  at::Tensor scores = at::bmm(query, key.transpose(1, 2));
  if (bias.defined()) scores.view({rows_, heads, key.size(1)}).add_(bias);
  at::_softmax_out(scores, scores, -1, /*half_to_float=*/false);
  return at::bmm(scores, value).view({rows_, heads * weights_.config.d_kv});
}

void DecoderState::AddSelfAttention(const AttentionWeights& w, Cache& cache,
                                    at::Tensor& x_bd) const {
  const at::Tensor normed = InferenceRmsNorm(x_bd, w.norm_d, weights_.config.layer_norm_epsilon);
  const at::Tensor kv = at::mm(normed, w.key_value).view({rows_, 2, w.groups, -1});
  for (int64_t which = 0; which < 2; ++which) {
    const at::Tensor& target = which == 0 ? cache.self_key : cache.self_value;
    target.select(1, position_).view({rows_, w.groups, -1}).copy_(kv.select(1, which));
  }
  const int64_t keys = position_ + 1;
  const at::Tensor bias = cache.bias_by_key.narrow(1, max_length_ - keys, keys);
  const at::Tensor context =
      Attend(at::mm(normed, w.query_dx), w.groups, cache.self_key.narrow(1, 0, keys),
             cache.self_value.narrow(1, 0, keys), bias);
  x_bd.addmm_(context, w.output_xd);
}

void DecoderState::AddCrossAttention(const AttentionWeights& w, const Cache& cache,
                                     at::Tensor& x_bd) const {
  const at::Tensor normed = InferenceRmsNorm(x_bd, w.norm_d, weights_.config.layer_norm_epsilon);
  const at::Tensor context = Attend(at::mm(normed, w.query_dx), w.groups, cache.cross_key,
                                    cache.cross_value, source_mask_);
  x_bd.addmm_(context, w.output_xd);
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

void DecoderState::KeepRows(const at::Tensor& rows_k) {
  for (Cache& cache : caches_) {
    for (at::Tensor* tensor :
         {&cache.self_key, &cache.self_value, &cache.cross_key, &cache.cross_value}) {
      KeepCacheRows(*tensor, rows_, rows_k);
    }
  }
  if (source_mask_.defined()) source_mask_ = source_mask_.index_select(0, rows_k);
  rows_ = rows_k.size(0);
}

}  // namespace regroup
