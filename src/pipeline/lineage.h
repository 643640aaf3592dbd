// What is known of a model's pre-training: what uptraining inherits and what alpha counts from. It
// stands in every model's regroup.json under "pretraining"; for stages of the recipe it follows
// from the recipe alone, before they ran.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/status.h"
#include "recipe/recipe.h"

namespace regroup {

struct Lineage {
  int64_t original_steps = 0;  // of the first pre-training: alpha is a share of these
  int64_t schedule_steps = 0;  // steps taken under `optimizer`: where its schedule goes on
  uint64_t seed = 1;           // keys the order of the data
  SpanCorruptionConfig data;
  BatchConfig batch;
  OptimizerConfig optimizer;
  double z_loss = 0;
  double dropout_rate = 0;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("original_steps", "steps of the first pre-training"), c.original_steps);
    v(Field("schedule_steps", "steps taken under this optimizer"), c.schedule_steps);
    v(Field("seed", "keys the order of the data"), c.seed);
    v(Field("data", "span corruption"), c.data);
    v(Field("batch", "examples per step"), c.batch);
    v(Field("optimizer", "optimizer and schedule"), c.optimizer);
    v(Field("z_loss", "weight of log(Z)^2"), c.z_loss);
    v(Field("dropout_rate", "dropout"), c.dropout_rate);
  }
};

// An uptrain stage with everything that it inherits filled in.
struct ResolvedUptrain {
  int64_t steps = 0;
  Lineage before;             // of the source
  Lineage after;              // of the result; its data, batch, z_loss are what this stage uses
  OptimizerConfig optimizer;  // of this stage, its schedule set to go on where the source stopped
  std::optional<ValidationConfig> validate;
  std::vector<int64_t> evaluate_at;  // steps, one per entry of the stage's evaluate_at
};

// The lineage of what `from` names (a stage, or a folder with regroup.json); nullopt where nothing
// is recorded.
absl::StatusOr<std::optional<Lineage>> LineageOf(const Recipe& recipe, const std::string& from);

// The stage, or the folder of a training checkpoint, whose optimizer `optimizer_state: keep` goes
// on with: `from` itself, or what was converted into it. A UserError where there is none.
absl::StatusOr<std::string> TrainedSourceOf(const Recipe& recipe, const std::string& from);

// The span corruption whose examples a calibrate stage streams: its own, else the source's. A
// UserError where there is neither.
absl::StatusOr<SpanCorruptionConfig> CalibrationData(const Recipe& recipe, const Stage& stage);

// A UserError names what is neither given nor recorded.
absl::StatusOr<ResolvedUptrain> ResolveUptrain(const Recipe& recipe, const Stage& stage);

}  // namespace regroup
