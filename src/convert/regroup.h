// Merging K/V heads: the idea of the GQA paper (2305.13245, section 2) and nothing else. Pure
// functions of weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "convert/convert_config.h"
#include "core/status.h"
#include "model/model_config.h"
#include "model/state_dict.h"

namespace regroup {

// Views `kv` [h*e, d] as heads and merges each contiguous group of h/groups heads. fp64 inside, one
// rounding to kv's dtype.
at::Tensor MeanPoolHeads(const at::Tensor& kv_hed, int64_t heads, int64_t groups);
at::Tensor FirstHeads(const at::Tensor& kv_hed, int64_t heads, int64_t groups);
// G heads repeated to H: the inverse view for export --expand-kv (query head j reads K/V head j /
// (H / G)).
at::Tensor ExpandHeads(const at::Tensor& kv_ged, int64_t groups, int64_t heads);

struct ConvertedTensor {
  std::string name;
  std::vector<int64_t> from, to;  // shapes
};
struct ConversionReport {
  std::vector<ConvertedTensor> tensors;
  int64_t parameters_before = 0, parameters_after = 0;
  std::string method;  // of Regroup: mean | first | random; "expand" for ExpandToMultiHead
  std::vector<std::string> checks;  // what was verified on the result, one sentence each
};
struct Conversion {
  T5Config config;
  StateDict weights;
  ConversionReport report;
};

// Everything that is not a K or V of a named site passes through untouched (same storage). G = H is
// a bitwise identity, also for `random`. `weights` must be complete (LoadHfFolder checks).
// UserError: what TargetKvHeads refuses, an unknown method, merged values that the dtype cannot
// hold.
absl::StatusOr<Conversion> Regroup(const T5Config& config, const StateDict& weights,
                                   const ConvertConfig& how);
// The multi-head T5 that computes the same function.
Conversion ExpandToMultiHead(const T5Config& config, const StateDict& weights);

// Shapes, what was merged and the checks made, for people; one line per converted tensor.
std::string ConversionText(const ConversionReport& report);
// {"method", "parameters_before", "parameters_after", "tensors": [{"name", "from", "to"}],
// "checks"}.
Json ConversionJson(const ConversionReport& report);

}  // namespace regroup
