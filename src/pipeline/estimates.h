// Estimates of memory, disk and time for `plan`. Memory of training is counted tensor by tensor
// (docs/memory.md compares it with what runs have); time is good to a factor of about two.
#pragma once

#include <cstdint>
#include <string>

#include "model/model_config.h"
#include "pipeline/device.h"

namespace regroup {

struct TrainingShape {
  int64_t examples = 0, micro_batch = 0, source = 0, target = 0;
  std::string precision = "fp32";
  std::string optimizer = "adafactor";
};

int64_t BaseMemory();  // of a process with LibTorch loaded
// Peak of a training process: masters, gradients and their partial sums, optimizer, and what one
// micro-batch keeps for its backward pass.
int64_t TrainingMemory(const T5Config& config, const TrainingShape& shape);
int64_t DecodingMemory(const T5Config& config, int64_t rows, int64_t source, int64_t target);
int64_t CheckpointBytes(const T5Config& config, const std::string& optimizer);

double TrainingSeconds(const T5Config& config, const TrainingShape& shape, int64_t steps,
                       const Device& device);
// Of streaming rows through the parent once and summing what its decoder's attentions see.
double CalibrationSeconds(const T5Config& config, const TrainingShape& shape, const Device& device);
double DecodingSeconds(const T5Config& config, int64_t rows, int64_t source, int64_t target,
                       const Device& device, const std::string& precision);

// Lines of a data file (a rough count of rows); 0 if it cannot be read.
int64_t CountLines(const std::string& path);

}  // namespace regroup
