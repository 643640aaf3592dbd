// Learning rate schedules. Shapes of linear and cosine: Hugging Face transformers/optimization.py;
// rsqrt: T5X (rsqrt_decay), 1 / sqrt(max(step, warm-up)).
#include "optim/optim_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace regroup {

double LearningRate(const ScheduleConfig& schedule, int64_t step, int64_t total_steps) {
  const auto s = static_cast<double>(step + schedule.step_offset);
  const auto warmup = static_cast<double>(schedule.warmup_steps);
  if (schedule.schedule == "rsqrt") return schedule.rate / std::sqrt(std::max({s, warmup, 1.0}));
  if (s < warmup) return schedule.rate * s / warmup;
  if (schedule.schedule == "constant") return schedule.rate;
  const auto end = static_cast<double>(
      schedule.decay_steps > 0 ? schedule.decay_steps : total_steps + schedule.step_offset);
  const double done = std::clamp((s - warmup) / std::max(1.0, end - warmup), 0.0, 1.0);
  if (schedule.schedule == "linear") return schedule.rate * (1.0 - done);
  return schedule.rate * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

}  // namespace regroup
