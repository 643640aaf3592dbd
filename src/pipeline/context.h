// What a stage sees while it runs: the recipe, its own folder, and the results of the stages before
// it.
#pragma once

#include <memory>
#include <string>

#include "checkpoint/hf_folder.h"
#include "core/json.h"
#include "core/status.h"
#include "evaluate/task.h"
#include "pipeline/run_folder.h"
#include "recipe/recipe.h"
#include "text/tokenizer.h"

namespace regroup {

inline constexpr char kTokenizerStage[] = "tokenizer";

struct StageContext {
  const Recipe* recipe = nullptr;
  const Stage* stage = nullptr;  // null for the tokenizer's own stage
  const RunFolder* run = nullptr;
  std::string device;  // cpu | cuda

  std::string name() const { return stage->name; }
  std::string folder() const { return run->StageFolder(stage->name); }
  std::string Precision(const std::optional<std::string>& own) const {
    return own.value_or(recipe->head.precision);
  }

  // The model folder that `from` names: a folder itself, or what that stage made.
  absl::StatusOr<std::string> ModelFolder(const std::string& from) const;
  // The folder of a calibration: itself, or what that stage measured; "" for "".
  absl::StatusOr<std::string> CalibrationFolder(const std::string& calibration) const;
  absl::StatusOr<HfModel> LoadModel(const std::string& from) const;
  // The result of a finished stage; an error if it has none.
  absl::StatusOr<Json> ResultOf(const std::string& stage_name) const;
  // The recipe's vocabulary: tokenizer.path, or what the tokenizer stage trained.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> RecipeTokenizer() const;
  // The vocabulary in a model's folder, else the recipe's.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> TokenizerOf(const HfModel& model) const;
};

// A task file as `evaluate` wants it. decode.max_length defaults to the task's target length.
TaskConfig ToTaskConfig(const TaskFile& file);

}  // namespace regroup
