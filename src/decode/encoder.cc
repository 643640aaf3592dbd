// Unpadded encoder. See encoder.h.
#include "decode/encoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "decode/sublayers.h"
#include "ops/relative_bias.h"

namespace regroup {
namespace {

at::Tensor JoinIds(std::span<const std::vector<int32_t>> sources, at::Device device) {
  int64_t tokens = 0;
  for (const auto& source : sources) tokens += static_cast<int64_t>(source.size());
  at::Tensor ids = at::empty({tokens}, at::kLong);
  int64_t* next = ids.mutable_data_ptr<int64_t>();
  for (const auto& source : sources) next = std::copy(source.begin(), source.end(), next);
  return ids.to(device);
}

// softmax(q k^T + bias) v for each run of equally long rows; result [tokens, h*e].
at::Tensor AttendRuns(const AttentionWeights& w, const T5Config& config, const at::Tensor& normed,
                      const at::Tensor& bias_1hss, std::span<const LengthRun> runs) {
  const int64_t heads = config.num_heads;
  const int64_t width = config.d_kv;
  const at::Tensor query = at::mm(normed, w.query_dx);
  const at::Tensor key_value = at::mm(normed, w.key_value);
  at::Tensor context = at::empty_like(query);
  for (const LengthRun& run : runs) {
    const int64_t n = run.rows * run.length;
    const at::Tensor q_bhse =
        query.narrow(0, run.token, n).view({run.rows, run.length, heads, width}).transpose(1, 2);
    const at::Tensor kv =
        key_value.narrow(0, run.token, n).view({run.rows, run.length, 2, w.groups, width});
    const at::Tensor bias = bias_1hss.narrow(2, 0, run.length).narrow(3, 0, run.length);
    const at::Tensor out_bhse = at::scaled_dot_product_attention(
        q_bhse, kv.select(2, 0).transpose(1, 2), kv.select(2, 1).transpose(1, 2), bias,
        /*dropout_p=*/0.0, /*is_causal=*/false, /*scale=*/1.0, /*enable_gqa=*/w.groups != heads);
    context.narrow(0, run.token, n)
        .view({run.rows, run.length, heads, width})
        .copy_(out_bhse.transpose(1, 2));
  }
  return context;
}

// Rows are independent, so a few at a time go through all layers: their activations stay in the
// caches.
constexpr size_t kChunkTokens = 2048;

size_t ChunkEnd(std::span<const std::vector<int32_t>> sources, size_t begin) {
  size_t end = begin + 1;
  size_t tokens = sources[begin].size();
  while (end < sources.size() && tokens + sources[end].size() <= kChunkTokens) {
    tokens += sources[end++].size();
  }
  return end;
}

int64_t Longest(std::span<const std::vector<int32_t>> sources) {
  size_t longest = 0;
  for (const auto& source : sources) longest = std::max(longest, source.size());
  return static_cast<int64_t>(longest);
}

// [1, h, side, side] of a layer with a table of its own.
at::Tensor EncoderBias(const PackedWeights& weights, size_t layer, int64_t side) {
  const RelativeBuckets buckets = {true, weights.config.relative_attention_num_buckets,
                                   weights.config.relative_attention_max_distance};
  return RelativeBias(weights.encoder[layer].self.bias, side, side, buckets);
}

// `bias_1hss` is the first layer's, for at least the longest source. Later layers with a table of
// their own (umT5) make theirs here, one at a time: all of them together would not fit.
at::Tensor EncodeChunk(const PackedWeights& weights, std::span<const std::vector<int32_t>> sources,
                       at::Tensor bias_1hss) {
  const double epsilon = weights.config.layer_norm_epsilon;
  const std::vector<LengthRun> runs = FindLengthRuns(sources);
  const at::Tensor ids = JoinIds(sources, weights.embedding_vd.device());
  at::Tensor x = weights.embedding_vd.index_select(0, ids);
  for (size_t i = 0; i < weights.encoder.size(); ++i) {
    const EncoderLayerWeights& layer = weights.encoder[i];
    if (i > 0 && layer.self.bias.defined()) bias_1hss = EncoderBias(weights, i, Longest(sources));
    const at::Tensor normed = InferenceRmsNorm(x, layer.self.norm_d, epsilon);
    x.addmm_(AttendRuns(layer.self, weights.config, normed, bias_1hss, runs), layer.self.output_xd);
    AddFeedForward(layer.feed_forward, epsilon, x);
  }
  return InferenceRmsNorm(x, weights.encoder_norm_d, epsilon);
}

}  // namespace

std::vector<LengthRun> FindLengthRuns(std::span<const std::vector<int32_t>> sources) {
  std::vector<LengthRun> runs;
  int64_t token = 0;
  for (size_t row = 0; row < sources.size(); ++row) {
    const int64_t length = static_cast<int64_t>(sources[row].size());
    if (runs.empty() || runs.back().length != length) {
      runs.push_back({static_cast<int64_t>(row), 0, length, token});
    }
    ++runs.back().rows;
    token += length;
  }
  return runs;
}

at::Tensor EncodeRows(const PackedWeights& weights, std::span<const std::vector<int32_t>> sources) {
  size_t tokens = 0;
  for (const auto& source : sources) tokens += source.size();
  const at::Tensor bias_1hss = EncoderBias(weights, 0, Longest(sources));
  at::Tensor encoded =
      at::empty({static_cast<int64_t>(tokens), weights.config.d_model}, weights.options());
  int64_t done = 0;
  for (size_t begin = 0, end = 0; begin < sources.size(); begin = end) {
    end = ChunkEnd(sources, begin);
    const at::Tensor chunk = EncodeChunk(weights, sources.subspan(begin, end - begin), bias_1hss);
    encoded.narrow(0, done, chunk.size(0)).copy_(chunk);
    done += chunk.size(0);
  }
  return encoded;
}

}  // namespace regroup
