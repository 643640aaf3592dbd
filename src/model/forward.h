// One forward pass of T5 over a batch: the stacks as the papers write them. T5Model runs it whole;
// calibration runs it layer by layer, so that it needs the weights of one layer at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "model/t5.h"
#include "ops/attention.h"

namespace regroup {

class ForwardPass {
 public:
  ForwardPass(const T5Config& config, const StateDict& weights, at::ScalarType compute,
              const BatchTensors& batch, const DropoutOptions& dropout, BlockObserver* observer);

  at::Tensor Encode() const;  // [b, s, d]
  // After the final norm and, for models that have it, the factor d_model^-0.5.
  at::Tensor DecodeHidden(const at::Tensor& encoded_bsd) const;  // [b, t, d]
  const at::Tensor& HeadWeight() const;                          // [v, d], the master

  // The same in pieces. Encode is EmbedSource, every EncoderLayer, FinishEncoder; of `weights` each
  // needs its own alone (and the table of relative biases).
  at::Tensor EmbedSource() const;
  at::Tensor EncoderLayer(const at::Tensor& x_bsd, int64_t layer) const;
  at::Tensor FinishEncoder(const at::Tensor& x_bsd) const;
  at::Tensor EmbedTarget() const;
  at::Tensor DecoderLayer(const at::Tensor& x_btd, const at::Tensor& encoded_bsd,
                          int64_t layer) const;

 private:
  struct Attention {
    std::string prefix;
    bool decoder;
    int64_t kv_heads;
    AttentionTerms terms;
    uint32_t site;
  };

  at::Tensor EncoderBlock(at::Tensor x_bsd, int64_t layer, const AttentionTerms& terms) const;
  at::Tensor DecoderBlock(at::Tensor x_btd, const at::Tensor& encoded_bsd, int64_t layer,
                          const AttentionTerms& self_terms,
                          const AttentionTerms& cross_terms) const;

  const at::Tensor& Master(const std::string& name) const;
  at::Tensor Weight(const std::string& name) const;  // in the compute type
  // Several [out_i, in] weights one below the other, so that one matrix product serves all.
  at::Tensor Stacked(const std::vector<std::string>& names) const;

  at::Tensor Embed(const at::Tensor& ids, uint32_t site) const;
  at::Tensor Norm(const at::Tensor& x, const std::string& name) const;
  at::Tensor FeedForward(const at::Tensor& x_btd, bool decoder, int64_t layer) const;
  at::Tensor SelfAttention(const at::Tensor& x_btd, const Attention& how) const;
  at::Tensor CrossAttention(const at::Tensor& x_btd, const at::Tensor& encoded_bsd,
                            const Attention& how) const;
  at::Tensor Attend(const at::Tensor& q_btn, const at::Tensor& k_bsn, const at::Tensor& v_bsn,
                    Attention how) const;
  struct Attended {
    at::Tensor x_btd, y_bsd, q_btn, k_bsn, out_btd;
  };
  // Shows what was done to the observer and drops some of the output.
  at::Tensor Finished(const Attention& how, const Attended& done) const;

  // Terms of the layer's self-attention: the relative bias [1, h, t, t] (causal in the decoder) and
  // `key_mask`. `before` are the previous layer's, which are used again where the table is shared.
  AttentionTerms SelfTerms(bool decoder, int64_t layer, int64_t length, const at::Tensor& key_mask,
                           const AttentionTerms& before) const;
  at::Tensor SelfBias(bool decoder, int64_t layer, int64_t length) const;
  at::Tensor KeyMask() const;  // [b, 1, s] or undefined
  at::Tensor Dropped(const at::Tensor& x_bte, uint32_t site) const;

  const T5Config& config_;
  const StateDict& weights_;
  at::ScalarType compute_;
  const BatchTensors& batch_;
  DropoutOptions dropout_;
  BlockObserver* observer_;
};

}  // namespace regroup
