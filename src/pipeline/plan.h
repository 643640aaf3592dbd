// What a recipe will do, without doing it: sizes, costs, and every contradiction that can be found.
// The `plan` command prints it; `run` refuses a recipe whose plan has problems.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "pipeline/device.h"
#include "recipe/recipe.h"

namespace regroup {

struct StagePlan {
  std::string name, kind;
  int64_t parameters = 0;
  int64_t steps = 0;
  int64_t tokens = 0;  // target tokens that are trained on (alpha counts these)
  int64_t kv_decoder_self = 0, kv_cross = 0;  // bytes per position, all decoder layers
  int64_t peak_memory_bytes = 0;
  int64_t disk_bytes = 0;
  double seconds = 0;
};

struct RecipePlan {
  std::string device;  // whose memory and time: its name and where its rates come from
  std::vector<StagePlan> stages;
  std::vector<std::string> notes;  // worth knowing, not wrong
  Problems problems;
};

// For `device`, default this machine. Of a device that is elsewhere, files that are not here are
// notes and not problems; a published checkpoint's shape is known by its name.
RecipePlan PlanRecipe(const Recipe& recipe, const std::optional<Device>& device = {});

Json PlanToJson(const RecipePlan& plan);         // contract's keys
std::string PlanToText(const RecipePlan& plan);  // a table, totals, notes; problems apart

}  // namespace regroup
