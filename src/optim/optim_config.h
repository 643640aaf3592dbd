// Config structs of `optim` (no LibTorch): optimizer and schedule. The recipe reads them.
#pragma once

#include <cstdint>
#include <string>

#include "core/fields.h"

namespace regroup {

// Learning rate as a function of the step, counted from 0.
struct ScheduleConfig {
  std::string schedule = "constant";  // constant | rsqrt | linear | cosine
  double rate = 0.001;       // constant: the rate; linear, cosine: the peak; rsqrt: factor times
                             // 1/sqrt(max(step, warmup)) with factor 1 at `rate` 1
  int64_t warmup_steps = 0;  // rsqrt: flat until there (T5: 10000); others: linear warm-up
  int64_t decay_steps = 0;   // linear, cosine: where the rate reaches 0 (0: the stage's steps)
  int64_t step_offset = 0;   // added to the step: uptraining goes on where its source stopped

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("schedule", "shape of the learning rate")
          .OneOf({"constant", "rsqrt", "linear", "cosine"}),
      c.schedule);
    v(Field("rate", "constant rate, peak, or factor of rsqrt").AtLeast(0), c.rate);
    v(Field("warmup_steps", "linear warm-up; for rsqrt the flat start").AtLeast(0), c.warmup_steps);
    v(Field("decay_steps", "step of rate 0 for linear and cosine (0: the stage's steps)")
          .AtLeast(0)
          .OnlyIf("schedule", {"linear", "cosine"}),
      c.decay_steps);
    v(Field("step_offset", "added to the step before the schedule is asked").AtLeast(0),
      c.step_offset);
  }
};

struct OptimizerConfig {
  std::string name = "adafactor";  // adafactor | adamw
  ScheduleConfig learning_rate;
  double weight_decay = 0;
  double gradient_clip = 0;                           // global norm; 0 = off
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // adamw
  bool rms_scaled = true;  // adamw: step times max(RMS(p), 1e-3) (nanoT5)
  double decay_rate = 0.8, update_clip = 1.0, minimum_scale = 1e-3;  // adafactor
  bool multiply_by_parameter_scale = true;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("name", "which optimizer").OneOf({"adafactor", "adamw"}), c.name);
    v(Field("learning_rate", "the schedule"), c.learning_rate);
    v(Field("weight_decay", "decoupled weight decay").AtLeast(0), c.weight_decay);
    v(Field("gradient_clip", "largest global gradient norm, 0 = off").AtLeast(0), c.gradient_clip);
    v(Field("beta1", "adamw: decay of the first moment")
          .AtLeast(0)
          .AtMost(0.99999)
          .OnlyIf("name", {"adamw"}),
      c.beta1);
    v(Field("beta2", "adamw: decay of the second moment")
          .AtLeast(0)
          .AtMost(0.9999999)
          .OnlyIf("name", {"adamw"}),
      c.beta2);
    v(Field("epsilon", "adamw: added to the root").AtLeast(0).OnlyIf("name", {"adamw"}), c.epsilon);
    v(Field("rms_scaled", "adamw: scale each step by the tensor's RMS").OnlyIf("name", {"adamw"}),
      c.rms_scaled);
    v(Field("decay_rate", "adafactor: beta2 = 1 - step^-decay_rate")
          .AtLeast(0)
          .OnlyIf("name", {"adafactor"}),
      c.decay_rate);
    v(Field("update_clip", "adafactor: largest RMS of an update")
          .AtLeast(0)
          .OnlyIf("name", {"adafactor"}),
      c.update_clip);
    v(Field("minimum_scale", "least parameter scale").AtLeast(0).OnlyIf("name", {"adafactor"}),
      c.minimum_scale);
    v(Field("multiply_by_parameter_scale", "adafactor: scale steps by the tensor's RMS")
          .OnlyIf("name", {"adafactor"}),
      c.multiply_by_parameter_scale);
  }
};

// Rate at `step` (from 0) of a stage of `total_steps`.
double LearningRate(const ScheduleConfig& schedule, int64_t step, int64_t total_steps);

}  // namespace regroup
