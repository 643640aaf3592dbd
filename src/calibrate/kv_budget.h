// Which attention keeps how many K/V heads when all together may take a share of the bytes: the
// choice that costs the attentions' outputs least, as measured on calibration rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "calibrate/calibration.h"
#include "convert/convert_config.h"
#include "model/state_dict.h"

namespace regroup {

struct BudgetRequest {
  const HfModel* parent = nullptr;
  const Calibration* calibration = nullptr;
  ConvertConfig convert;  // method, sites and kv_budget
  std::string folder;     // for the sweep's files; removed at the end
  int64_t micro_batch = 8;
  std::string device = "cpu";
};

// What one attention costs with so many K/V heads.
struct HeadOption {
  int64_t kv_heads = 0;
  int64_t bytes = 0;  // of K and V of a mean row, in values of one head width
  double error = 0;   // |out - parent's out|^2 / |parent's out|^2
};
struct AttentionOptions {
  AttentionPlace place;
  std::vector<HeadOption> options;  // every divisor of its heads, from 1 to all
};

struct HeadChoice {
  KvHeads heads;
  double share = 0;  // of the bytes
  double error = 0;  // summed over the attentions
};
struct BudgetChoice {
  double budget = 0;
  int64_t source_tokens = 0, target_tokens = 0;  // of a mean row: the lengths of the caches
  std::vector<AttentionOptions> attentions;
  HeadChoice chosen;
  HeadChoice uniform;  // the most heads, the same everywhere, that the budget has room for
};

// UserError: a budget below one head everywhere, a method that draws its heads, what TargetKvHeads
// refuses of the sites, a calibration that did not measure them.
absl::StatusOr<BudgetChoice> ChooseKvHeads(const BudgetRequest& request);

// The option of each attention that make the least error within `bytes`, as indices; nullopt where
// even the smallest take more. Exact (a multiple-choice knapsack by dynamic programming).
std::optional<std::vector<size_t>> PickWithin(const std::vector<AttentionOptions>& attentions,
                                              int64_t bytes);

}  // namespace regroup
