// T5 as the papers write it, for training and teacher-forced scoring (decode has its own engine).
// Functional: weights are a StateDict whose tensors may require grad. Parity: Hugging Face
// modeling_t5 (transformers), no dropout.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "data/batch.h"
#include "model/model_config.h"
#include "model/state_dict.h"
#include "ops/attention.h"
#include "ops/dropout.h"
#include "ops/head_loss.h"

namespace regroup {

// A Batch on a device. Masks come from lengths.
struct BatchTensors {
  at::Tensor source_ids_bs;   // int64
  at::Tensor source_mask_bs;  // bool, true = real token
  at::Tensor target_in_bt;    // int64, shifted right, decoder start first
  at::Tensor target_out_bt;   // int64
  at::Tensor target_mask_bt;  // bool
  std::vector<uint64_t> positions_b;
  int64_t target_tokens = 0;
  bool source_padded =
      true;  // false promises that every source token is real: no key mask is needed
};
BatchTensors ToTensors(const Batch& batch, const T5Config& config, at::Device device);

struct LossOutput {
  at::Tensor loss_sum;    // 0-dim, differentiable: sum over real target tokens of cross-entropy +
                          // z_loss * logZ^2; with a teacher (distillation.h) what is minimized
  at::Tensor row_loss_b;  // [b], detached cross-entropy sums (nats, fp32 or better, without z-loss)
  at::Tensor plain_sum;   // detached cross-entropy + z-loss, the same without a teacher
  // With a teacher, detached sums over real target tokens by name: "distillation_loss",
  // "attention_loss".
  std::map<std::string, at::Tensor> teacher_sums = {};
};

// The loss from the decoder's last hidden states and the head. `teacher` (null: none) holds the
// hidden states of all tokens of the batch, [b*t, its d].
LossOutput TokenLoss(const BatchTensors& batch, const at::Tensor& hidden_btd,
                     const at::Tensor& head_vd, double z_loss,
                     const SoftTargets* teacher = nullptr);

// What one attention computes from and what it gives. In self-attention y is x and s is t.
struct AttentionSeen {
  std::string prefix;                     // of its weights (model/state_dict.h)
  at::Tensor x_btd;                       // what queries are made from, after the norm
  at::Tensor y_bsd;                       // what keys and values are made from
  at::Tensor q_btn, k_bsn;                // queries [b, t, h*e] and keys [b, s, g*e]
  at::Tensor query_mask_bt, key_mask_bs;  // bool, true = real token
  AttentionTerms terms;
  at::Tensor out_btd;  // after the output projection, before dropout
};

// Called around every block (layer) of both stacks and after each of its attentions, in order; the
// only hook into the forward pass.
class BlockObserver {
 public:
  virtual ~BlockObserver() = default;
  virtual void Before(bool /*decoder*/, int64_t /*layer*/, const at::Tensor& /*hidden_btd*/) {}
  virtual void Attended(const AttentionSeen& /*seen*/) {}
  virtual void After(bool /*decoder*/, int64_t /*layer*/, const at::Tensor& /*hidden_btd*/) {}
};

class T5Model {
 public:
  // `weights` must hold exactly LayerTable(config)'s names and shapes (checked). Compute dtype:
  // kFloat, kBFloat16 (over fp32 masters) or kDouble; softmax, norms' means, logits' log-sum-exp
  // are in fp32 (fp64 for kDouble).
  T5Model(T5Config config, StateDict weights, at::ScalarType compute);

  at::Tensor Encode(const BatchTensors& batch,
                    const DropoutOptions& dropout = {}) const;  // [b, s, d]
  at::Tensor DecodeLogits(const at::Tensor& encoded_bsd, const BatchTensors& batch,
                          const DropoutOptions& dropout = {}) const;  // [b, t, v]
  LossOutput Loss(const BatchTensors& batch, double z_loss,
                  const DropoutOptions& dropout = {}) const;

  const T5Config& config() const { return config_; }
  at::ScalarType compute() const { return compute_; }
  StateDict& weights() { return weights_; }
  const StateDict& weights() const { return weights_; }
  void RequireGrad(bool on);
  // Of these weights alone; the others are frozen.
  void RequireGradOf(const std::vector<std::string>& names);
  // `observer` (may be null: none) must outlive the calls that it sees.
  void Observe(BlockObserver* observer) { observer_ = observer; }

 private:
  T5Config config_;
  StateDict weights_;
  at::ScalarType compute_;
  BlockObserver* observer_ = nullptr;
};

}  // namespace regroup
