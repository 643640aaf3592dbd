// The stages of a recipe as config structs. Structs that a room owns are reused; the rest of each
// stage is here. The reader fills them, `pipeline` runs them, docs/recipes.md is made from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "calibrate/calibrate_config.h"
#include "convert/convert_config.h"
#include "data/data_config.h"
#include "decode/decode_config.h"
#include "model/distillation_config.h"
#include "model/model_config.h"
#include "optim/optim_config.h"
#include "train/train_config.h"

namespace regroup {

// What a pre-training or uptraining stage is watched with.
struct ValidationConfig {
  std::vector<std::string> corpus;
  std::vector<std::string> tasks;
  int64_t every = 0;
  int64_t rows = 256;
  int64_t task_rows = 128;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("corpus",
            "corpora that are held out (not part of the mixture): span-corruption loss; the first "
            "is heldout_loss, another heldout_loss/NAME"),
      c.corpus);
    v(Field("tasks", "tasks whose dev rows are decoded and scored: TASK/METRIC and TASK/loss"),
      c.tasks);
    v(Field("every", "steps between validations (0: at the end only)").AtLeast(0), c.every);
    v(Field("rows", "examples of each held-out corpus").AtLeast(1), c.rows);
    v(Field("task_rows", "dev rows of each task, from its beginning (0: all)").AtLeast(0),
      c.task_rows);
  }
};

inline constexpr char kHeldOutLoss[] = "heldout_loss";

// The name under which the loss on a held-out corpus is reported.
inline std::string HeldOutName(const ValidationConfig& validate, const std::string& corpus) {
  const bool first = corpus == validate.corpus.front();
  return first ? kHeldOutLoss : std::string(kHeldOutLoss) + "/" + corpus;
}

struct PretrainStage {
  ModelConfig model;
  SpanCorruptionConfig data;
  int64_t steps = 0;
  BatchConfig batch;
  OptimizerConfig optimizer;
  std::optional<std::string> precision;
  double z_loss = 1e-4;
  std::optional<ValidationConfig> validate;
  std::vector<std::string> keep_best;
  EarlyStoppingConfig early_stopping;
  GuardConfig guard;
  SaveConfig save;
  int64_t log_every = 10;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("model", "shape of the model"), c.model);
    v(Field("data", "span corruption"), c.data);
    v(Field("steps", "optimizer steps").Required().AtLeast(1), c.steps);
    v(Field("batch", "examples per step"), c.batch);
    v(Field("optimizer", "optimizer and learning rate"), c.optimizer);
    v(Field("precision", "compute type; default: the recipe's").OneOf({"fp32", "bf16"}),
      c.precision);
    v(Field("z_loss", "weight of log(Z)^2 in the loss").AtLeast(0), c.z_loss);
    v(Field("validate", "held-out loss, and tasks, while training"), c.validate);
    v(Field(
          "keep_best",
          "validations whose best checkpoint is kept (heldout_loss, TASK/METRIC); the first one's "
          "is what the stage gives on; default: none, the last checkpoint"),
      c.keep_best);
    v(Field("early_stopping", "ends the stage when keep_best's first no longer improves"),
      c.early_stopping);
    v(Field("guard", "what happens at a loss that is not finite or explodes"), c.guard);
    v(Field("save", "checkpoints").NoResult(), c.save);
    v(Field("log_every", "steps between lines of metrics.jsonl").AtLeast(1).NoResult(),
      c.log_every);
  }
};

struct CalibrateStage {
  std::string from;
  CalibrateConfig calibrate;
  std::optional<SpanCorruptionConfig> data;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stage, or folder (with a /), whose attentions are measured")
          .Required()
          .StageOrFolder(),
      c.from);
    CalibrateConfig::Visit(c.calibrate, v);
    v(Field("data", "span corruption; default: the source's, from where it stopped reading"),
      c.data);
  }
};

struct ConvertStage {
  std::string from;
  ConvertConfig convert;
  std::string calibration;
  RefineConfig refine;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stage, or folder (with a /), whose heads are merged")
          .Required()
          .StageOrFolder(),
      c.from);
    ConvertConfig::Visit(c.convert, v);
    v(Field("calibration", "stage, or folder (with a /), that measured the same source")
          .StageOrFolder(),
      c.calibration);
    RefineConfig::Visit(c.refine, v);
  }
};

struct UptrainStage {
  std::string from;
  double alpha = 0.05;
  std::optional<int64_t> original_steps;
  std::optional<SpanCorruptionConfig> data;
  std::optional<int64_t> data_seed;
  std::optional<BatchConfig> batch;
  std::optional<OptimizerConfig> optimizer;
  std::string optimizer_state = "restart";
  std::string train = "all";
  std::optional<DistillationConfig> distillation;
  std::string learned_merge;
  std::optional<std::string> precision;
  std::optional<double> z_loss;
  std::optional<double> dropout_rate;
  std::optional<ValidationConfig> validate;
  std::vector<double> evaluate_at;
  std::vector<std::string> keep_best;
  GuardConfig guard;
  SaveConfig save;
  int64_t log_every = 10;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stage, or folder (with a /), that is trained on").Required().StageOrFolder(),
      c.from);
    v(Field("alpha", "share of the source's original steps").Required().AtLeast(1e-9).AtMost(1),
      c.alpha);
    v(Field("original_steps", "the source's original steps; default: what its provenance records")
          .AtLeast(1),
      c.original_steps);
    v(Field("data", "span corruption; default: the source's own"), c.data);
    v(Field("data_seed",
            "reads the data from its beginning in another order, one for each number; default: "
            "goes on where the source stopped. Stages with the same number see the same batches")
          .AtLeast(0),
      c.data_seed);
    v(Field("batch", "examples per step; default: the source's own"), c.batch);
    v(Field("optimizer", "default: the source's own, its schedule going on at the source's step"),
      c.optimizer);
    v(Field("optimizer_state",
            "restart: every tensor gets fresh optimizer slots; keep: tensors that conversion left "
            "as they were go on with the source's slots")
          .OneOf({"restart", "keep"}),
      c.optimizer_state);
    v(Field("train",
            "all: every weight; grouped: q, k, v and o of the attentions with fewer K/V heads than "
            "query heads alone")
          .OneOf({"all", "grouped"}),
      c.train);
    v(Field("distillation",
            "learns from a teacher's distributions too; default: from the data alone"),
      c.distillation);
    v(Field(
          "learned_merge",
          "stage, or folder (with a /), whose heads were merged by their mean: the weights of the "
          "heads in that merge are trained as well, and folded in every checkpoint (WGQA)")
          .StageOrFolder(),
      c.learned_merge);
    v(Field("precision", "compute type; default: the recipe's").OneOf({"fp32", "bf16"}),
      c.precision);
    v(Field("z_loss", "weight of log(Z)^2 in the loss; default: the source's own").AtLeast(0),
      c.z_loss);
    v(Field("dropout_rate", "dropout; default: the source's own").AtLeast(0).AtMost(0.99),
      c.dropout_rate);
    v(Field("validate", "held-out loss, and tasks; default: the source's own"), c.validate);
    v(Field(
          "evaluate_at",
          "shares of the original steps at which the held-out loss is taken (recovery), 0 to alpha")
          .AtLeast(0)
          .AtMost(1),
      c.evaluate_at);
    v(Field(
          "keep_best",
          "validations whose best checkpoint is kept (heldout_loss, TASK/METRIC); the first one's "
          "is what the stage gives on; default: none, the last checkpoint"),
      c.keep_best);
    v(Field("guard", "what happens at a loss that is not finite or explodes"), c.guard);
    v(Field("save", "checkpoints").NoResult(), c.save);
    v(Field("log_every", "steps between lines of metrics.jsonl").AtLeast(1).NoResult(),
      c.log_every);
  }
};

// The paper's fine-tuning: constant rate 0.001, batch 128, dropout 0.1, best checkpoint on dev.
struct FinetuneStage {
  std::string from;
  std::string task;
  int64_t steps = 0;
  BatchConfig batch;
  OptimizerConfig optimizer;
  double dropout_rate = 0.1;
  std::optional<std::string> precision;
  double z_loss = 1e-4;
  int64_t validate_every = 0;
  int64_t validate_rows = 0;
  std::vector<std::string> validate_tasks;
  std::vector<std::string> keep_best;
  EarlyStoppingConfig early_stopping;
  GuardConfig guard;
  SaveConfig save;
  int64_t log_every = 10;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stage, or folder (with a /), that is fine-tuned").Required().StageOrFolder(),
      c.from);
    v(Field("task", "name under tasks").Required(), c.task);
    v(Field("steps", "optimizer steps").Required().AtLeast(1), c.steps);
    v(Field("batch", "examples per step"), c.batch);
    v(Field("optimizer", "optimizer and learning rate"), c.optimizer);
    v(Field("dropout_rate", "dropout").AtLeast(0).AtMost(0.99), c.dropout_rate);
    v(Field("precision", "compute type; default: the recipe's").OneOf({"fp32", "bf16"}),
      c.precision);
    v(Field("z_loss", "weight of log(Z)^2 in the loss").AtLeast(0), c.z_loss);
    v(Field("validate_every", "steps between validations on dev (0: four in the stage)").AtLeast(0),
      c.validate_every);
    v(Field("validate_rows", "rows of dev that are used, from its beginning (0: all)").AtLeast(0),
      c.validate_rows);
    v(Field("validate_tasks",
            "further tasks whose dev rows are decoded as well: TASK/METRIC and TASK/loss"),
      c.validate_tasks);
    v(Field("keep_best",
            "metrics on dev (or loss, the least) whose best checkpoint is kept; the first one's is "
            "what the stage gives on; default: the task's first metric"),
      c.keep_best);
    v(Field("early_stopping", "ends the stage when keep_best's first no longer improves"),
      c.early_stopping);
    v(Field("guard", "what happens at a loss that is not finite or explodes"), c.guard);
    v(Field("save", "checkpoints").NoResult(), c.save);
    v(Field("log_every", "steps between lines of metrics.jsonl").AtLeast(1).NoResult(),
      c.log_every);
  }
};

struct EvaluateStage {
  std::string from;
  std::string task;
  std::string split = "test";
  std::optional<int64_t> beams;
  std::optional<int64_t> max_length;
  std::optional<int64_t> bootstrap;
  std::optional<std::string> precision;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stage, or folder (with a /), that is evaluated").Required().StageOrFolder(),
      c.from);
    v(Field("task", "name under tasks").Required(), c.task);
    v(Field("split", "which file of the task").OneOf({"dev", "test"}), c.split);
    v(Field("beams", "beams; default: the task file's")
          .AtLeast(1)
          .AtMost(static_cast<double>(kMostBeams)),
      c.beams);
    v(Field("max_length", "most generated tokens; default: the task file's, else its target length")
          .AtLeast(1),
      c.max_length);
    v(Field("bootstrap", "resamples for the intervals; default: the task file's")
          .AtLeast(100)
          .AtMost(100000),
      c.bootstrap);
    v(Field("precision", "compute type; default: fp32").OneOf({"fp32", "bf16"}), c.precision);
  }
};

struct ExportStage {
  std::string from;
  std::string to;
  bool expand_kv = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stage, or folder (with a /), that is exported").Required().StageOrFolder(),
      c.from);
    v(Field("to", "target folder; default: model in the stage's folder").Path().NoResult(), c.to);
    v(Field("expand_kv", "write a plain multi-head T5 that computes the same"), c.expand_kv);
  }
};

struct BenchStage {
  std::vector<std::string> from;
  int64_t batch = 64;
  int64_t source = 512;
  int64_t target = 32;
  int64_t repeats = 3;
  std::optional<std::string> precision;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("from", "stages or folders (with a /) that are timed side by side")
          .Required()
          .StageOrFolder(),
      c.from);
    v(Field("batch", "rows decoded at once").AtLeast(1), c.batch);
    v(Field("source", "source tokens per row").AtLeast(1), c.source);
    v(Field("target", "generated tokens per row; the end token is off").AtLeast(1), c.target);
    v(Field("repeats", "timed rounds over all models").AtLeast(1), c.repeats);
    v(Field("precision", "compute type; default: fp32").OneOf({"fp32", "bf16"}), c.precision);
  }
};

struct CompareStage {
  std::vector<std::string> rows;
  std::string bench;
  std::vector<std::string> recovery;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("rows", "evaluate stages; those of one model make one row"), c.rows);
    v(Field("bench", "bench stage whose times stand beside the quality"), c.bench);
    v(Field("recovery", "uptrain stages (with evaluate_at) of the recovery table"), c.recovery);
  }
};

using StageConfig =
    std::variant<PretrainStage, CalibrateStage, ConvertStage, UptrainStage, FinetuneStage,
                 EvaluateStage, ExportStage, BenchStage, CompareStage>;

}  // namespace regroup
