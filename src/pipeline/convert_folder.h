// One conversion from folder to folder: load, merge heads, refine where there is a calibration,
// save with provenance. The `convert` command and the recipe's convert stage call it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "calibrate/kv_budget.h"
#include "calibrate/refine.h"
#include "convert/regroup.h"
#include "core/json.h"
#include "core/status.h"

namespace regroup {

struct ConvertFolderOptions {
  std::string from;
  std::string to;
  ConvertConfig convert;
  std::string calibration = {};  // folder of a calibration of `from`; "": none
  RefineConfig refine = {};      // needs a calibration
  std::string device = "cpu";
  bool overwrite = false;     // replace a folder that regroup wrote
  Json provenance = nullptr;  // an object whose keys are added to regroup.json; null: nothing
};

// Loss per target token on the calibration rows, before any training.
struct StartingLoss {
  double parent = 0, merged = 0;
  int64_t rows = 0;
};

// What a budget led to, and what the same budget would have cost with as many heads everywhere;
// losses on the calibration rows, before any refit.
struct BudgetOutcome {
  BudgetChoice choice;
  double chosen_loss = 0, uniform_loss = 0;
};

struct ConvertOutcome {
  ConversionReport report;
  std::optional<BudgetOutcome> budget;   // with a kv_budget
  std::vector<OutputDamage> damages;     // with a calibration
  std::optional<StartingLoss> starting;  // with a calibration
};

// The target is checked before anything is loaded. regroup.json keeps what the source's said and
// gains an entry under "conversions": source and its weights' hash, the config, parameters, checks
// and what was measured.
absl::StatusOr<ConvertOutcome> ConvertFolder(const ConvertFolderOptions& options);

// ConversionText and ConversionJson with what was measured: {"damage": [{"attention", "merged",
// "refined"}], "starting_loss": {"parent", "merged", "rows"}, "budget": {"share", "source_tokens",
// "target_tokens", "chosen" and "uniform": {"kv_heads", "share", "error", "loss"}, "errors":
// [{"attention", "by_kv_heads": {G: error}}]}}.
std::string OutcomeText(const ConvertOutcome& outcome);
Json OutcomeJson(const ConvertOutcome& outcome);

}  // namespace regroup
