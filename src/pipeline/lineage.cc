// Follows `from` back to a pretrain stage or to a folder's regroup.json.
#include "pipeline/lineage.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "checkpoint/run_checkpoint.h"
#include "core/files.h"
#include "data/span_corruption.h"
#include "recipe/graph.h"
#include "recipe/reader.h"

namespace regroup {
namespace {

Lineage FromPretrain(const Recipe& recipe, const PretrainStage& stage) {
  Lineage lineage;
  lineage.original_steps = lineage.schedule_steps = stage.steps;
  lineage.seed = recipe.head.seed;
  lineage.data = stage.data;
  lineage.batch = stage.batch;
  lineage.optimizer = stage.optimizer;
  lineage.z_loss = stage.z_loss;
  lineage.dropout_rate = stage.model.dropout_rate;
  return lineage;
}

// regroup.json is JSON, hence YAML: the recipe's reader reads it back into the struct.
absl::StatusOr<std::optional<Lineage>> FromFolder(const std::string& folder) {
  const std::string path = JoinPath(folder, "regroup.json");
  if (!FileExists(path)) return std::nullopt;
  REGROUP_ASSIGN_OR_RETURN(const Json json, ReadConfigFile(path));
  if (!json.is_object() || !json.contains("pretraining")) return std::nullopt;
  Problems problems;
  Node node = ParseYaml(DumpJson(json["pretraining"]), path, problems);
  Lineage lineage;
  ReadConfig(node, "pretraining", lineage, problems, Origin::kRecord);
  REGROUP_RETURN_IF_ERROR(problems.ToStatus());
  return lineage;
}

// The schedule of the source's optimizer, going on where the source stopped.
OptimizerConfig Continued(const Lineage& before) {
  OptimizerConfig optimizer = before.optimizer;
  optimizer.learning_rate.step_offset += before.schedule_steps;
  return optimizer;
}

absl::Status CheckComplete(const Stage& stage, const UptrainStage& uptrain,
                           const std::optional<Lineage>& before) {
  if (before.has_value()) return absl::OkStatus();
  std::vector<std::string> missing;
  if (!uptrain.original_steps.has_value()) missing.push_back("original_steps");
  if (!uptrain.data.has_value()) missing.push_back("data");
  if (!uptrain.batch.has_value()) missing.push_back("batch");
  if (!uptrain.optimizer.has_value()) missing.push_back("optimizer");
  if (missing.empty()) return absl::OkStatus();
  return UserError(
      absl::StrCat(stage.Place(), ".uptrain"),
      absl::StrCat(uptrain.from,
                   " records nothing of its pre-training (no regroup.json with \"pretraining\"); "
                   "give ",
                   absl::StrJoin(missing, ", ")));
}

absl::Status CheckInheritedSchedule(const Stage& stage, const UptrainStage& uptrain,
                                    const Lineage& before) {
  const std::string& schedule = before.optimizer.learning_rate.schedule;
  if (uptrain.optimizer.has_value() || (schedule != "linear" && schedule != "cosine"))
    return absl::OkStatus();
  return UserError(absl::StrCat(stage.Place(), ".uptrain.optimizer"),
                   absl::StrCat("the source's schedule (", schedule,
                                ") has reached 0 at its end, so nothing would be "
                                "learned; give an optimizer with a learning_rate"));
}

int64_t TargetTokensPerStep(const Lineage& lineage) {
  const SpanCorruptionConfig& data = lineage.data;
  return lineage.batch.examples *
         ComputeSpanLengths(data.source_length, data.noise_density, data.mean_span_length).target;
}

// Steps with the batch of `after` that see a share of the original target tokens; at least 1 when
// the share is above 0.
int64_t StepsOf(double share, const Lineage& before, const Lineage& after) {
  if (share == 0) return 0;
  const double tokens = share * static_cast<double>(before.original_steps) *
                        static_cast<double>(TargetTokensPerStep(before));
  return std::max<int64_t>(1,
                           std::llround(tokens / static_cast<double>(TargetTokensPerStep(after))));
}

}  // namespace

absl::StatusOr<std::optional<Lineage>> LineageOf(const Recipe& recipe, const std::string& from) {
  if (IsFolderReference(from)) return FromFolder(from);
  const Stage* stage = recipe.Find(ParseStageReference(from).stage);
  if (stage == nullptr) return std::nullopt;
  if (stage->kind == "pretrain") {
    Lineage lineage = FromPretrain(recipe, stage->As<PretrainStage>());
    lineage.original_steps = lineage.schedule_steps =
        ParseStageReference(from).step.value_or(lineage.original_steps);
    return lineage;
  }
  if (stage->kind == "convert") return LineageOf(recipe, stage->As<ConvertStage>().from);
  if (stage->kind == "finetune") return LineageOf(recipe, stage->As<FinetuneStage>().from);
  if (stage->kind != "uptrain") return std::nullopt;
  REGROUP_ASSIGN_OR_RETURN(const ResolvedUptrain resolved, ResolveUptrain(recipe, *stage));
  return resolved.after;
}

absl::StatusOr<SpanCorruptionConfig> CalibrationData(const Recipe& recipe, const Stage& stage) {
  const auto& calibrate = stage.As<CalibrateStage>();
  if (calibrate.data.has_value()) return *calibrate.data;
  REGROUP_ASSIGN_OR_RETURN(const std::optional<Lineage> known, LineageOf(recipe, calibrate.from));
  if (known.has_value()) return known->data;
  return UserError(
      absl::StrCat(stage.Place(), ".calibrate.data"),
      absl::StrCat("is needed: nothing is recorded of how ", calibrate.from, " was pre-trained"));
}

absl::StatusOr<std::string> TrainedSourceOf(const Recipe& recipe, const std::string& from) {
  if (IsFolderReference(from)) {
    if (FileExists(JoinPath(from, kOptimizerFile))) return from;
    return UserError(from, absl::StrCat("holds no optimizer state (", kOptimizerFile,
                                        "), which optimizer_state: keep goes on with; name a "
                                        "training checkpoint, or leave it at restart"));
  }
  const Stage* stage = recipe.Find(from);
  if (stage != nullptr && stage->kind == "convert") {
    return TrainedSourceOf(recipe, stage->As<ConvertStage>().from);
  }
  return from;
}

namespace {

// What `optimizer_state: keep` goes on with must exist and be of this stage's optimizer.
absl::Status CheckKept(const Recipe& recipe, const Stage& stage,
                       const std::optional<Lineage>& before) {
  const auto& uptrain = stage.As<UptrainStage>();
  if (uptrain.optimizer_state != "keep") return absl::OkStatus();
  REGROUP_RETURN_IF_ERROR(TrainedSourceOf(recipe, uptrain.from).status());
  const bool same = !before.has_value() || !uptrain.optimizer.has_value() ||
                    uptrain.optimizer->name == before->optimizer.name;
  if (same) return absl::OkStatus();
  return UserError(absl::StrCat(stage.Place(), ".uptrain.optimizer_state"),
                   absl::StrCat("keep goes on with the slots of ", before->optimizer.name,
                                ", the optimizer here is ", uptrain.optimizer->name,
                                "; give the same, or restart"));
}

}  // namespace

absl::StatusOr<ResolvedUptrain> ResolveUptrain(const Recipe& recipe, const Stage& stage) {
  const auto& uptrain = stage.As<UptrainStage>();
  REGROUP_ASSIGN_OR_RETURN(const std::optional<Lineage> known, LineageOf(recipe, uptrain.from));
  REGROUP_RETURN_IF_ERROR(CheckComplete(stage, uptrain, known));
  REGROUP_RETURN_IF_ERROR(CheckKept(recipe, stage, known));
  ResolvedUptrain resolved;
  resolved.before = known.value_or(Lineage{});
  if (!known.has_value()) resolved.before.seed = recipe.head.seed;
  if (uptrain.original_steps.has_value()) {
    resolved.before.original_steps = *uptrain.original_steps;
    if (!known.has_value()) resolved.before.schedule_steps = *uptrain.original_steps;
  }
  REGROUP_RETURN_IF_ERROR(CheckInheritedSchedule(stage, uptrain, resolved.before));
  if (!known.has_value()) {  // original_steps are then steps of this stage's own kind
    resolved.before.data = *uptrain.data;
    resolved.before.batch = *uptrain.batch;
  }
  resolved.after = resolved.before;
  resolved.after.data = uptrain.data.value_or(resolved.before.data);
  resolved.after.batch = uptrain.batch.value_or(resolved.before.batch);
  resolved.after.dropout_rate = uptrain.dropout_rate.value_or(resolved.before.dropout_rate);
  resolved.steps = StepsOf(uptrain.alpha, resolved.before, resolved.after);
  for (const double share : uptrain.evaluate_at) {
    resolved.evaluate_at.push_back(StepsOf(share, resolved.before, resolved.after));
  }
  resolved.optimizer = uptrain.optimizer.value_or(Continued(resolved.before));
  if (uptrain.optimizer.has_value()) {
    resolved.after.optimizer = *uptrain.optimizer;
    resolved.after.schedule_steps = 0;
  }
  resolved.after.z_loss = uptrain.z_loss.value_or(resolved.before.z_loss);
  resolved.after.schedule_steps += resolved.steps;
  resolved.validate = ValidationOf(recipe, stage.name);
  const bool held_out = resolved.validate.has_value() && !resolved.validate->corpus.empty();
  if (!uptrain.evaluate_at.empty() && !held_out) {
    return UserError(
        absl::StrCat(stage.Place(), ".uptrain.evaluate_at"),
        "needs a held-out corpus: give validate: {corpus: ...} here or in the source's stage");
  }
  return resolved;
}

}  // namespace regroup
