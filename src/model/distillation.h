// A student's loss beside its teacher's answers on the same batch. The trainer calls it in place of
// T5Model::Loss when it uptrains with a teacher.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/distillation_config.h"
#include "model/t5.h"

namespace regroup {

class Distiller {
 public:
  // `student` must outlive this; what it trains must be said before (RequireGrad). The teacher has
  // its vocabulary and, with config.attention, its d_model; it is kept in the student's compute
  // type on the student's device.
  Distiller(const T5Model* student, const T5Config& teacher, const StateDict& teacher_weights,
            const DistillationConfig& config);

  // The objective: (1 - weight) cross-entropy + weight T^2 KL(teacher || student) + z-loss +
  // attention times the mean over attentions of |out - teacher's out|^2 / |teacher's out|^2, summed
  // over real target tokens (of an encoder's attention: the mean over a row's source tokens, for
  // each of the row's target tokens). Dropout is the student's alone.
  LossOutput Loss(const BatchTensors& batch, double z_loss, const DropoutOptions& dropout) const;

  // True if the student's encoder is the teacher's and nothing of it is trained: it then runs once
  // (where there is no dropout).
  bool shares_encoder() const { return shares_encoder_; }

 private:
  struct Answers;
  Answers Ask(const BatchTensors& batch, const at::Tensor& encoded_bsd) const;

  const T5Model* student_;
  DistillationConfig config_;
  T5Model teacher_;
  bool shares_encoder_;
};

}  // namespace regroup
