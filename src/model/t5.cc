// T5Model: checks of the weights, batches as tensors, logits and loss.
#include "model/t5.h"

#include <ATen/ATen.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status.h"
#include "model/forward.h"
#include "ops/matmul.h"

namespace regroup {
namespace {

// A copy as int64 (int32 spans belong to the batch).
at::Tensor Ids(const std::vector<int32_t>& ids, int64_t rows, int64_t length) {
  REGROUP_CHECK(static_cast<int64_t>(ids.size()) == rows * length);
  return at::from_blob(const_cast<int32_t*>(ids.data()), {rows, length}, at::kInt).to(at::kLong);
}

at::Tensor LengthMask(const std::vector<int32_t>& lengths, int64_t width) {
  const auto rows = static_cast<int64_t>(lengths.size());
  return at::arange(width).unsqueeze(0) < Ids(lengths, rows, 1);
}

at::Tensor ShiftedRight(const at::Tensor& target_bt, int64_t start) {
  const at::Tensor first = at::full({target_bt.size(0), 1}, start, at::kLong);
  return at::cat({first, target_bt.narrow(1, 0, target_bt.size(1) - 1)}, 1);
}

void CheckWeights(const T5Config& config, const StateDict& weights) {
  const std::vector<TensorSpec> table = LayerTable(config);
  for (const TensorSpec& spec : table) {
    const auto found = weights.find(spec.name);
    REGROUP_CHECK(found != weights.end(), "missing weight " + spec.name);
    REGROUP_CHECK(found->second.sizes() == at::IntArrayRef(spec.shape),
                  "shape of weight " + spec.name);
  }
  REGROUP_CHECK(weights.size() == table.size(), "weights that the config has no place for");
}

// Sums of token losses by row, fp64.
at::Tensor RowSums(const at::Tensor& token_loss_n, const at::Tensor& row_n, int64_t rows) {
  return at::zeros({rows}, token_loss_n.options().dtype(at::kDouble))
      .index_add_(0, row_n, token_loss_n.to(at::kDouble));
}

}  // namespace

BatchTensors ToTensors(const Batch& batch, const T5Config& config, at::Device device) {
  REGROUP_CHECK(batch.rows > 0 && batch.source_length > 0 && batch.target_length > 0);
  BatchTensors out;
  const at::Tensor target_bt = Ids(batch.target_ids_bt, batch.rows, batch.target_length);
  out.source_ids_bs = Ids(batch.source_ids_bs, batch.rows, batch.source_length).to(device);
  out.source_mask_bs = LengthMask(batch.source_lengths_b, batch.source_length).to(device);
  out.target_in_bt = ShiftedRight(target_bt, config.decoder_start_token_id).to(device);
  out.target_out_bt = target_bt.to(device);
  out.target_mask_bt = LengthMask(batch.target_lengths_b, batch.target_length).to(device);
  out.positions_b = batch.positions_b;
  out.target_tokens = batch.target_tokens();
  out.source_padded = batch.source_tokens() < batch.rows * batch.source_length;
  return out;
}

T5Model::T5Model(T5Config config, StateDict weights, at::ScalarType compute)
    : config_(std::move(config)), weights_(std::move(weights)), compute_(compute) {
  const absl::Status valid = ValidateT5Config(config_, "T5Model");
  REGROUP_CHECK(valid.ok(), absl::StrCat(valid.message()));
  CheckWeights(config_, weights_);
}

at::Tensor T5Model::Encode(const BatchTensors& batch, const DropoutOptions& dropout) const {
  return ForwardPass(config_, weights_, compute_, batch, dropout, observer_).Encode();
}

at::Tensor T5Model::DecodeLogits(const at::Tensor& encoded_bsd, const BatchTensors& batch,
                                 const DropoutOptions& dropout) const {
  const ForwardPass pass(config_, weights_, compute_, batch, dropout, observer_);
  const at::ScalarType type = compute_ == at::kDouble ? at::kDouble : at::kFloat;  // as in the loss
  return Linear(pass.DecodeHidden(encoded_bsd).to(type), pass.HeadWeight().to(type));
}

LossOutput TokenLoss(const BatchTensors& batch, const at::Tensor& hidden_btd,
                     const at::Tensor& head_vd, double z_loss, const SoftTargets* teacher) {
  at::Tensor hidden_nd = hidden_btd.flatten(0, 1);
  at::Tensor target_n = batch.target_out_bt.flatten();
  const int64_t rows = batch.target_out_bt.size(0), length = batch.target_out_bt.size(1);
  at::Tensor row_n = at::arange(rows, target_n.options()).repeat_interleave(length);
  SoftTargets soft = teacher != nullptr ? *teacher : SoftTargets{};
  if (batch.target_tokens < rows * length) {  // the head works on real tokens only
    const at::Tensor real_n = batch.target_mask_bt.flatten().nonzero().squeeze(1);
    hidden_nd = hidden_nd.index_select(0, real_n);
    target_n = target_n.index_select(0, real_n);
    row_n = row_n.index_select(0, real_n);
    if (teacher != nullptr) soft.hidden_nd = soft.hidden_nd.index_select(0, real_n);
  }
  const HeadLoss loss =
      HeadCrossEntropy(hidden_nd, head_vd, target_n, z_loss, teacher != nullptr ? &soft : nullptr);
  LossOutput out{loss.loss_sum, RowSums(loss.token_loss_n, row_n, rows), loss.plain_sum};
  if (teacher != nullptr) out.teacher_sums["distillation_loss"] = loss.soft_sum;
  return out;
}

LossOutput T5Model::Loss(const BatchTensors& batch, double z_loss,
                         const DropoutOptions& dropout) const {
  const ForwardPass pass(config_, weights_, compute_, batch, dropout, observer_);
  return TokenLoss(batch, pass.DecodeHidden(pass.Encode()), pass.HeadWeight(), z_loss);
}

void T5Model::RequireGrad(bool on) {
  for (auto& [name, tensor] : weights_) tensor.set_requires_grad(on);
}

void T5Model::RequireGradOf(const std::vector<std::string>& names) {
  RequireGrad(false);
  for (const std::string& name : names) {
    const auto found = weights_.find(name);
    REGROUP_CHECK(found != weights_.end(), "no weight " + name);
    found->second.set_requires_grad(true);
  }
}

}  // namespace regroup
