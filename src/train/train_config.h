// Config structs of training (no LibTorch): batch, precision, logging, saving. The recipe reads
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fields.h"
#include "model/model_config.h"
#include "optim/optim_config.h"

namespace regroup {

struct BatchConfig {
  int64_t examples = 128;
  int64_t micro_batch = 0;  // examples computed at once; 0: all

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("examples", "examples per optimizer step").Required().AtLeast(1), c.examples);
    v(Field("micro_batch", "examples computed at once (0: the whole batch); must divide examples")
          .AtLeast(0),
      c.micro_batch);
  }
};

struct SaveConfig {
  int64_t every = 0;  // steps; 0: only at the end (and when stopped)
  int64_t keep_last = 2;
  int64_t keep_every = 0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("every", "steps between checkpoints (0: at the end only)").AtLeast(0).NoResult(),
      c.every);
    v(Field("keep_last", "newest checkpoints that are kept").AtLeast(1).NoResult(), c.keep_last);
    v(Field("keep_every", "a checkpoint at each multiple of this is kept (0: none)")
          .AtLeast(0)
          .NoResult(),
      c.keep_every);
  }
};

// What the trainer needs to know, whatever the stage.
struct TrainConfig {
  std::string stage;  // name in metrics.jsonl
  int64_t steps = 0;
  BatchConfig batch;
  OptimizerConfig optimizer;
  std::string precision = "fp32";  // fp32 | bf16: compute; master weights stay fp32
  std::string device = "cpu";      // cpu | cuda | cuda:n
  double z_loss = 0;
  double dropout_rate = 0;
  uint64_t seed = 1;
  int64_t log_every = 10;
  int64_t validate_every = 0;        // steps; 0: only at validate_at and at the end
  std::vector<int64_t> validate_at;  // further steps, 0 allowed
  std::string keep_best;             // a validation name; "" = none
  bool keep_best_lower = false;      // true: less is better (losses)
  SaveConfig save;
};

// Floating-point operations of one training step (forward + twice that for backward): matrix
// products of real and padded positions, without recomputation. rows sequences of s source and t
// target positions.
double TrainStepFlops(const T5Config& config, int64_t rows, int64_t s, int64_t t);

}  // namespace regroup
