// Merging K/V heads: the idea of the GQA paper (2305.13245, section 2) and nothing else. Pure
// functions of weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "convert/convert_config.h"
#include "convert/merge_attention.h"
#include "core/status.h"
#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

// G heads repeated to H: the inverse view for export --expand-kv (query head j reads K/V head j /
// (H / G)).
at::Tensor ExpandHeads(const at::Tensor& kv_ged, int64_t groups, int64_t heads);

struct ConvertedTensor {
  std::string name;
  std::vector<int64_t> from, to;  // shapes
};
// What merging loses at one attention, by the statistics (merge_attention.h).
struct SiteLoss {
  std::string prefix;
  int64_t from = 0, to = 0;  // K/V heads
  MergeLoss loss;
};
struct ConversionReport {
  std::vector<ConvertedTensor> tensors;
  std::vector<SiteLoss> losses;  // empty without statistics
  int64_t parameters_before = 0, parameters_after = 0;
  std::string method;               // of Regroup; "expand" for ExpandToMultiHead
  std::vector<std::string> checks;  // what was verified on the result, one sentence each
};
struct Conversion {
  T5Config config;
  StateDict weights;
  ConversionReport report;
};

// Everything but K and V of the named sites, and W_q and W_o where the method folds into them,
// passes through untouched (same storage). G = H is a bitwise identity for every method. fp64
// inside, one rounding to the source's dtype. `weights` must be complete (LoadHfFolder checks).
// `statistics` may be null: then no loss is reported, and methods that weigh are refused.
// UserError: what TargetKvHeads refuses, an unknown method, statistics that are missing or of
// another shape, merged values that the dtype cannot hold.
absl::StatusOr<Conversion> Regroup(const T5Config& config, const StateDict& weights,
                                   const ConvertConfig& how,
                                   const Statistics* statistics = nullptr);
// UserError unless `statistics` hold what fits each attention whose heads `target` changes.
absl::Status CheckStatistics(const T5Config& config, const KvHeads& target,
                             const Statistics& statistics);
// Views of one attention's weights.
AttentionWeights WeightsOf(const T5Config& config, const StateDict& weights,
                           const std::string& prefix, int64_t kv_heads);
// The multi-head T5 that computes the same function.
Conversion ExpandToMultiHead(const T5Config& config, const StateDict& weights);

// Shapes, what was merged, what it loses and the checks made, for people; a line per tensor.
std::string ConversionText(const ConversionReport& report);
// {"method", "parameters_before", "parameters_after", "tensors": [{"name", "from", "to"}],
// "losses": [{"attention", "from", "to", "key", "value"}], "checks"}.
Json ConversionJson(const ConversionReport& report);

}  // namespace regroup
