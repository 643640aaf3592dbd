// The training loop: pre-training, uptraining and fine-tuning differ only in what is handed in.
// `pipeline` calls it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/run_checkpoint.h"
#include "core/json.h"
#include "core/status.h"
#include "data/example_stream.h"
#include "model/distillation_config.h"
#include "model/t5.h"
#include "optim/optimizer.h"
#include "text/tokenizer.h"
#include "train/best.h"
#include "train/train_config.h"
#include "train/validator.h"

namespace regroup {

struct StepReport {
  double loss = 0;  // mean cross-entropy (+ z-loss) per target token
  int64_t target_tokens = 0;
  int64_t source_tokens = 0;
  double gradient_norm = 0;
  double learning_rate = 0;
  double data_wait_seconds = 0;
  double seconds = 0;
  // With a teacher, per target token: "distillation_loss", "attention_loss" (model/t5.h).
  std::map<std::string, double> teacher_losses = {};
};

// Who is learned from while training.
struct Teacher {
  T5Config config;
  StateDict weights;
  DistillationConfig how;
};

struct TrainStart {
  T5Config config;
  StateDict weights;           // fp32 masters are made from these
  Json provenance;             // goes into every checkpoint
  StateDict optimizer;         // slots to go on with; parameters without any get fresh ones
  Json generation_config;      // of the source, copied into every checkpoint; may be null
  uint64_t data_position = 0;  // of the stream at step 0
  Json data_hint;
  std::vector<std::string> trained = {};  // names of the weights that are trained; empty: all
  std::optional<Teacher> teacher = {};
  StateDict merged_heads = {};  // heads whose merge is learned (optim/learned_merge.h)
  // Goes on from this one, whatever the run folder holds (replay).
  std::optional<RunCheckpoint> checkpoint = {};
};

struct TrainResult {
  int64_t steps = 0;
  std::map<std::string, int64_t> best;  // by each name of keep_best: its step
  Validations validations;
  bool stopped_early = false;
  int64_t skipped = 0;         // windows of examples, as the ledger names them
  uint64_t data_position = 0;  // of the stream after the last step
  std::string folder;  // checkpoint to go on with: best by the first of keep_best, else the last
};

// A window of examples looked at without a step: what `replay` shows.
struct WindowExam {
  double loss = 0;  // mean per target token, z-loss included
  double gradient_norm = 0;
  std::vector<Example> examples;
  std::vector<double> example_losses;            // per target token, in the order of examples
  std::map<std::string, double> gradient_norms;  // by tensor
};

class Trainer {
 public:
  // Starts at `start`, or at the newest good checkpoint in `run_folder`. `validator` may be null.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(TrainConfig config, TrainStart start,
                                                         ExampleStream* stream,
                                                         Validator* validator,
                                                         std::shared_ptr<const Tokenizer> tokenizer,
                                                         std::string run_folder);
  virtual ~Trainer() = default;
  // Steps taken so far.
  virtual int64_t step() const = 0;
  // One optimizer step. A window that the guard refuses is written to the ledger and passed over,
  // or stops the training with a RunError, as the config says; no weight is touched by it.
  virtual absl::StatusOr<StepReport> Step() = 0;
  // Loss and gradients of the window that begins at `position`, as the next step would have them.
  virtual absl::StatusOr<WindowExam> Examine(uint64_t position) = 0;
  // To the last step: logs, validates, saves. After a signal: saves and returns StoppedStatus().
  virtual absl::StatusOr<TrainResult> Run() = 0;
};

}  // namespace regroup
