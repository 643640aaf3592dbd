// The teacher answers without gradients; attentions are compared by name, through the observer of
// the forward pass.
#include "model/distillation.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "model/forward.h"

namespace regroup {
namespace {

// The head stays as precise as a student's master is.
StateDict Converted(const T5Config& config, const StateDict& weights, at::Device device,
                    at::ScalarType type) {
  StateDict converted;
  for (const auto& [name, tensor] : weights) {
    const bool is_head = name == HeadName(config) && type != at::kDouble;
    converted[name] = tensor.detach().to(device, is_head ? at::kFloat : type);
  }
  return converted;
}

// Weights that the encoder's output depends on.
bool IsOfEncoder(const std::string& name) {
  return name == "shared.weight" || absl::StartsWith(name, "encoder.");
}

bool SameFrozenEncoder(const T5Model& student, const T5Config& teacher,
                       const StateDict& teacher_weights) {
  if (student.config().kv_heads.encoder_self != teacher.kv_heads.encoder_self) return false;
  for (const auto& [name, tensor] : student.weights()) {
    if (!IsOfEncoder(name)) continue;
    const auto other = teacher_weights.find(name);
    if (tensor.requires_grad() || other == teacher_weights.end() ||
        tensor.sizes() != other->second.sizes() ||
        !at::equal(tensor.to(at::kCPU, at::kDouble), other->second.to(at::kCPU, at::kDouble)))
      return false;
  }
  return true;
}

struct AttentionOutput {
  at::Tensor out_btd, query_mask_bt;
};
using AttentionOutputsByName = std::map<std::string, AttentionOutput>;

class AttentionOutputs final : public BlockObserver {
 public:
  void Attended(const AttentionSeen& seen) override {
    outputs_[seen.prefix] = {seen.out_btd, seen.query_mask_bt};
  }
  const AttentionOutputsByName& outputs() const { return outputs_; }

 private:
  AttentionOutputsByName outputs_;
};

// |out - teacher's|^2 / |teacher's|^2, a mean over the real query tokens of each row, times the
// row's target tokens, summed over rows: a row counts the same in any batch.
at::Tensor RelativeErrors(const AttentionOutput& seen, const at::Tensor& teacher_btd,
                          const at::Tensor& target_mask_bt) {
  const at::ScalarType type = seen.out_btd.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const at::Tensor wanted = teacher_btd.to(type);
  const at::Tensor error_bt = (seen.out_btd.to(type) - wanted).square().sum(-1);
  const at::Tensor energy_bt = wanted.square().sum(-1).clamp_min(1e-12);
  const at::Tensor real_bt = seen.query_mask_bt.to(type);
  const at::Tensor mean_b = (error_bt / energy_bt * real_bt).sum(1) / real_bt.sum(1);
  return (mean_b * target_mask_bt.sum(1)).sum();
}

// The mean over the attentions that both have.
at::Tensor AttentionLoss(const AttentionOutputsByName& student,
                         const AttentionOutputsByName& teacher, const BatchTensors& batch) {
  at::Tensor sum;
  int64_t attentions = 0;
  for (const auto& [prefix, seen] : student) {
    const auto other = teacher.find(prefix);
    if (other == teacher.end()) continue;
    const at::Tensor errors = RelativeErrors(seen, other->second.out_btd, batch.target_mask_bt);
    sum = sum.defined() ? sum + errors : errors;
    ++attentions;
  }
  return attentions == 0 ? at::zeros({}) : sum / static_cast<double>(attentions);
}

}  // namespace

struct Distiller::Answers {
  at::Tensor hidden_nd;
  AttentionOutputsByName attentions;
};

Distiller::Distiller(const T5Model* student, const T5Config& teacher,
                     const StateDict& teacher_weights, const DistillationConfig& config)
    : student_(student),
      config_(config),
      teacher_(teacher,
               Converted(teacher, teacher_weights, student->weights().begin()->second.device(),
                         student->compute()),
               student->compute()),
      shares_encoder_(SameFrozenEncoder(*student, teacher, teacher_weights)) {
  REGROUP_CHECK(teacher.vocab_size == student->config().vocab_size, "vocabularies");
  REGROUP_CHECK(config.attention == 0 || teacher.d_model == student->config().d_model, "d_model");
}

// `encoded_bsd`: of an encoder that is shared, or undefined.
Distiller::Answers Distiller::Ask(const BatchTensors& batch, const at::Tensor& encoded_bsd) const {
  const at::NoGradGuard no_grad;
  AttentionOutputs outputs;
  const ForwardPass pass(teacher_.config(), teacher_.weights(), teacher_.compute(), batch, {},
                         config_.attention > 0 ? &outputs : nullptr);
  const at::Tensor encoded = encoded_bsd.defined() ? encoded_bsd : pass.Encode();
  return {pass.DecodeHidden(encoded).flatten(0, 1), outputs.outputs()};
}

LossOutput Distiller::Loss(const BatchTensors& batch, double z_loss,
                           const DropoutOptions& dropout) const {
  AttentionOutputs outputs;
  const ForwardPass pass(student_->config(), student_->weights(), student_->compute(), batch,
                         dropout, config_.attention > 0 ? &outputs : nullptr);
  const at::Tensor encoded = pass.Encode();
  const bool once = shares_encoder_ && dropout.rate == 0;
  Answers teacher = Ask(batch, once ? encoded : at::Tensor());
  // The attentions of an encoder that runs once are the teacher's too: they count, without error.
  if (once) teacher.attentions.insert(outputs.outputs().begin(), outputs.outputs().end());
  const SoftTargets soft{teacher.hidden_nd, teacher_.weights().at(HeadName(teacher_.config())),
                         config_.weight, config_.temperature, config_.top_k};
  LossOutput out = TokenLoss(batch, pass.DecodeHidden(encoded), pass.HeadWeight(), z_loss, &soft);
  if (config_.attention == 0) return out;
  const at::Tensor error = AttentionLoss(outputs.outputs(), teacher.attentions, batch);
  out.loss_sum = out.loss_sum + error * config_.attention;
  out.teacher_sums["attention_loss"] = error.detach();
  return out;
}

}  // namespace regroup
