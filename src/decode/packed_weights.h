// The weights of a T5 as inference reads them: one compute type, joined matrices, transposed views
// ready for x W. Made once by Engine::Create; encoder.cc and decoder.cc read them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

struct AttentionWeights {
  at::Tensor bias;       // [buckets, h]: relative bias of a self-attention that has its own table
  int64_t groups = 0;    // K/V heads g
  at::Tensor norm_d;     // of the sublayer's input
  at::Tensor query_dx;   // [d, h*e]
  at::Tensor key_value;  // [d, 2*g*e], keys first
  at::Tensor output_xd;  // [h*e, d]
};

struct FeedForwardWeights {
  at::Tensor norm_d;
  at::Tensor in_df;  // [d, f]; gated: [d, 2*f], the activated half first
  at::Tensor out_fd;
  bool gated = false;
};

struct EncoderLayerWeights {
  AttentionWeights self;
  FeedForwardWeights feed_forward;
};

struct DecoderLayerWeights {
  AttentionWeights self, cross;
  FeedForwardWeights feed_forward;
};

struct PackedWeights {
  T5Config config;
  at::ScalarType compute = at::kFloat;
  at::Tensor embedding_vd;
  at::Tensor head_dv;  // fp32 where the compute type is bf16
  at::Tensor encoder_norm_d, decoder_norm_d;
  std::vector<EncoderLayerWeights> encoder;
  std::vector<DecoderLayerWeights> decoder;

  at::TensorOptions options() const { return embedding_vd.options(); }
  // Bytes that one decoder step reads: the decoder's matrices and the head (embedding and encoder
  // are not read).
  int64_t DecoderBytes() const;
};

// `weights` holds LayerTable(config)'s tensors in any float type. The result shares no storage with
// them.
PackedWeights PackWeights(const T5Config& config, const StateDict& weights, at::ScalarType compute);

}  // namespace regroup
