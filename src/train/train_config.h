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
  int64_t every = 0;    // steps; 0: by minutes alone
  double minutes = 30;  // 0: by steps alone
  int64_t keep_last = 2;
  int64_t keep_every = 0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("every",
            "steps between checkpoints (0: by minutes alone); one is always saved at the "
            "end, at a best validation and when the run is stopped")
          .AtLeast(0)
          .NoResult(),
      c.every);
    v(Field("minutes", "minutes after which a checkpoint is saved in any case (0: by steps alone)")
          .AtLeast(0)
          .NoResult(),
      c.minutes);
    v(Field("keep_last", "newest checkpoints that are kept").AtLeast(1).NoResult(), c.keep_last);
    v(Field("keep_every", "a checkpoint at each multiple of this is kept (0: none)")
          .AtLeast(0)
          .NoResult(),
      c.keep_every);
  }
};

// Ends a stage before its last step when what keep_best names first no longer improves.
struct EarlyStoppingConfig {
  int64_t patience = 0;
  double min_delta = 0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("patience",
            "validations in a row without improvement after which training ends (0: never)")
          .AtLeast(0),
      c.patience);
    v(Field("min_delta", "a smaller change does not count as improvement").AtLeast(0), c.min_delta);
  }
};

// What happens to a step whose loss or gradient is not finite, or whose loss explodes. Not part of
// a stage's identity: it acts only where the run could not go on otherwise, so that a run that
// stopped at such a step can be told to skip it and go on; what was skipped stands in its ledger.
struct GuardConfig {
  std::string bad_steps = "stop";
  double explosion = 3;
  int64_t most_skips = 10;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("bad_steps",
            "at a loss or gradient that is not finite, or a loss that explodes: stop, or skip the "
            "examples, write them to ledger.jsonl and take the step with the next ones")
          .OneOf({"stop", "skip"})
          .NoResult(),
      c.bad_steps);
    v(Field("explosion",
            "a loss above this many times the recent mean, plus 1, explodes (0: no limit)")
          .AtLeast(0)
          .NoResult(),
      c.explosion);
    v(Field("most_skips", "windows that may be skipped in a stage; one more stops it")
          .AtLeast(0)
          .NoResult()
          .OnlyIf("bad_steps", {"skip"}),
      c.most_skips);
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
  // Names of validations (of losses less is better). The checkpoint that is best by each is kept;
  // the first name's is what the stage gives on.
  std::vector<std::string> keep_best;
  EarlyStoppingConfig early_stopping;
  GuardConfig guard;
  SaveConfig save;
};

// Floating-point operations of one training step (forward + twice that for backward): matrix
// products of real and padded positions, without recomputation. rows sequences of s source and t
// target positions.
double TrainStepFlops(const T5Config& config, int64_t rows, int64_t s, int64_t t);

}  // namespace regroup
