// Simple estimates of memory, disk and time for `plan`: good to a factor of about two, so that a
// recipe that cannot fit is seen before it runs.
#pragma once

#include <cstdint>
#include <string>

#include "model/model_config.h"

namespace regroup {

struct TrainingShape {
  int64_t examples = 0, micro_batch = 0, source = 0, target = 0;
};

int64_t BaseMemory();  // of a process with LibTorch loaded
// Masters, gradients and their partial sums, optimizer slots, and the activations of one
// micro-batch.
int64_t TrainingMemory(const T5Config& config, const TrainingShape& shape,
                       const std::string& optimizer);
int64_t DecodingMemory(const T5Config& config, int64_t rows, int64_t source, int64_t target);
int64_t CheckpointBytes(const T5Config& config, const std::string& optimizer);

// From what a core with this instruction set is known to do in fp32 and the share of it that small
// models reach; nothing is measured.
double TrainingSeconds(const T5Config& config, const TrainingShape& shape, int64_t steps);
double DecodingSeconds(const T5Config& config, int64_t rows, int64_t source, int64_t target);

// Lines of a data file (a rough count of rows); 0 if it cannot be read.
int64_t CountLines(const std::string& path);

}  // namespace regroup
