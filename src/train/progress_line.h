// How a training step is told to a person: on the terminal's progress line, and as a plain line of
// the log. The trainer calls it.
#pragma once

#include <cstdint>
#include <string>

#include "train/trainer.h"

namespace regroup {

struct StepView {
  std::string stage;
  int64_t step = 0;
  int64_t steps = 0;
  StepReport report;         // of the steps since the last log line
  double mfu = 0;            // 0: not known
  double eta_seconds = -1;   // below 0: not known yet
  int64_t memory_bytes = 0;  // resident
};

// "gqa_up  [####....]  50 %  step 20/40  loss 4.5123  23,400 tokens/s  ETA 0:30  1.2 GB  data wait
// 0 %"
std::string ProgressLine(const StepView& view);
// "gqa_up  step 20/40  loss 4.5123  23,400 tokens/s  MFU 41 %  lr 0.01  1.2 GB  data wait 0 %  ETA
// 0:30"
std::string LogLine(const StepView& view);

}  // namespace regroup
