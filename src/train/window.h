// The steps since the last log line. The trainer sums them, and keeps them in its checkpoints so
// that a resumed run logs the same lines.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/json.h"
#include "train/trainer.h"

namespace regroup {

// Mean over the steps since the last log line, so that a line does not show one lucky step.
struct Window {
  StepReport sum;
  int64_t steps = 0;
  double flops = 0;

  Json ToJson() const {
    return Json{{"steps", steps},
                {"flops", flops},
                {"loss_sum", sum.loss},
                {"target_tokens", sum.target_tokens},
                {"source_tokens", sum.source_tokens},
                {"seconds", sum.seconds},
                {"data_wait_seconds", sum.data_wait_seconds},
                {"teacher_losses", sum.teacher_losses}};
  }
  static Window FromJson(const Json& json) {
    Window window;
    window.steps = json.at("steps");
    window.flops = json.at("flops");
    window.sum.loss = json.at("loss_sum");
    window.sum.target_tokens = json.at("target_tokens");
    window.sum.source_tokens = json.at("source_tokens");
    window.sum.seconds = json.at("seconds");
    window.sum.data_wait_seconds = json.at("data_wait_seconds");
    if (json.contains("teacher_losses")) window.sum.teacher_losses = json["teacher_losses"];
    return window;
  }
  void Add(const StepReport& r, double step_flops) {
    sum.loss += r.loss * static_cast<double>(r.target_tokens);
    sum.target_tokens += r.target_tokens;
    sum.source_tokens += r.source_tokens;
    sum.seconds += r.seconds;
    sum.data_wait_seconds += r.data_wait_seconds;
    for (const auto& [name, loss] : r.teacher_losses)
      sum.teacher_losses[name] += loss * static_cast<double>(r.target_tokens);
    sum.gradient_norm = r.gradient_norm;
    sum.learning_rate = r.learning_rate;
    flops += step_flops;
    ++steps;
  }
  StepReport Mean() const {
    StepReport mean = sum;
    const auto tokens = static_cast<double>(std::max<int64_t>(1, sum.target_tokens));
    mean.loss /= tokens;
    for (auto& [name, loss] : mean.teacher_losses) loss /= tokens;
    return mean;
  }
};

}  // namespace regroup
