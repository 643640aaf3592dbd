// A calibration from files: a model's folder and rows. The `calibrate` command calls it.
#pragma once

#include <string>

#include "calibrate/calibration.h"
#include "core/json.h"
#include "core/status.h"

namespace regroup {

struct CalibrateFolderOptions {
  std::string model;
  std::string data;  // rows (data/rows.h) with targets
  std::string to;
  CalibrateConfig config;  // .rows: the first so many rows
  std::string device = "cpu";
};

// What calibration.json says. UserError: no model, rows without a target, another calibration in
// the target.
absl::StatusOr<Json> CalibrateFolder(const CalibrateFolderOptions& options);

}  // namespace regroup
