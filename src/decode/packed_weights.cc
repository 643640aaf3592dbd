// Packing: cast to the compute type, join K with V and the two halves of a gated input. See
// packed_weights.h.
#include "decode/packed_weights.h"

#include <ATen/ATen.h>

#include <string>

#include "core/status.h"

namespace regroup {
namespace {

class Packer {
 public:
  Packer(const T5Config& config, const StateDict& weights, at::ScalarType compute)
      : config_(config), weights_(weights), compute_(compute) {}

  at::Tensor Get(const std::string& name) const {
    const auto found = weights_.find(name);
    REGROUP_CHECK(found != weights_.end(), "decode: no tensor " + name);
    return found->second.detach().to(compute_, /*non_blocking=*/false, /*copy=*/true).contiguous();
  }
  // [out, in] as stored, seen as [in, out].
  at::Tensor Matrix(const std::string& name) const { return Get(name).t(); }
  at::Tensor Joined(const std::string& first, const std::string& second) const {
    return at::cat({Get(first), Get(second)}, 0).t();
  }

  AttentionWeights Attention(const std::string& prefix, const std::string& norm) const {
    AttentionWeights w;
    w.norm_d = Get(norm);
    w.query_dx = Matrix(prefix + ".q.weight");
    w.key_value = Joined(prefix + ".k.weight", prefix + ".v.weight");
    w.output_xd = Matrix(prefix + ".o.weight");
    w.groups = w.key_value.size(1) / (2 * config_.d_kv);
    return w;
  }
  AttentionWeights SelfAttention(bool decoder, int64_t layer) const {
    AttentionWeights w = Attention(decoder ? DecoderSelfPrefix(layer) : EncoderSelfPrefix(layer),
                                   NormName(decoder, layer, 0));
    if (config_.bias_layer(layer) == layer) w.bias = Get(RelativeBiasName(decoder, layer));
    return w;
  }
  FeedForwardWeights FeedForward(bool decoder, int64_t layer) const {
    const std::string prefix = FeedForwardPrefix(decoder, layer);
    FeedForwardWeights w;
    w.gated = config_.gated();
    w.norm_d = Get(NormName(decoder, layer, decoder ? 2 : 1));
    w.in_df = w.gated ? Joined(prefix + ".wi_0.weight", prefix + ".wi_1.weight")
                      : Matrix(prefix + ".wi.weight");
    w.out_fd = Matrix(prefix + ".wo.weight");
    return w;
  }

 private:
  const T5Config& config_;
  const StateDict& weights_;
  at::ScalarType compute_;
};

int64_t Bytes(const at::Tensor& tensor) { return static_cast<int64_t>(tensor.nbytes()); }

int64_t Bytes(const AttentionWeights& w) {
  return Bytes(w.norm_d) + Bytes(w.query_dx) + Bytes(w.output_xd);
}

}  // namespace

int64_t PackedWeights::DecoderBytes() const {
  int64_t bytes = Bytes(head_dv) + Bytes(decoder_norm_d);
  for (const DecoderLayerWeights& layer : decoder) {
    // The cross site's K and V matrices are read once per sentence, not per step.
    bytes += Bytes(layer.self) + Bytes(layer.self.key_value) + Bytes(layer.cross);
    bytes += Bytes(layer.feed_forward.norm_d) + Bytes(layer.feed_forward.in_df) +
             Bytes(layer.feed_forward.out_fd);
  }
  return bytes;
}

PackedWeights PackWeights(const T5Config& config, const StateDict& weights,
                          at::ScalarType compute) {
  const Packer packer(config, weights, compute);
  PackedWeights packed;
  packed.config = config;
  packed.compute = compute;
  packed.embedding_vd = packer.Get("shared.weight");
  if (compute == at::kBFloat16) {  // logits are fp32, as in the loss
    const std::string head = HeadName(config);
    packed.head_dv = weights.at(head).to(at::kFloat).t();
  } else {
    packed.head_dv =
        config.tied_embeddings ? packed.embedding_vd.t() : packer.Matrix("lm_head.weight");
  }
  packed.encoder_norm_d = packer.Get("encoder.final_layer_norm.weight");
  packed.decoder_norm_d = packer.Get("decoder.final_layer_norm.weight");
  for (int64_t i = 0; i < config.num_layers; ++i) {
    packed.encoder.push_back({packer.SelfAttention(false, i), packer.FeedForward(false, i)});
  }
  for (int64_t i = 0; i < config.num_decoder_layers; ++i) {
    packed.decoder.push_back({packer.SelfAttention(true, i),
                              packer.Attention(CrossPrefix(i), NormName(true, i, 1)),
                              packer.FeedForward(true, i)});
  }
  return packed;
}

}  // namespace regroup
