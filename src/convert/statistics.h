// What a merge may know of how a model uses its heads: second moments, measured on real rows.
// `calibrate` measures them, the weighted methods of regroup.cc read them.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace regroup {

// Of one attention, fp64, over real tokens only. x is what queries are made from, y keys and
// values.
struct SiteStatistics {
  at::Tensor key_covariance_dd;  // of y, centered within each sequence, per key
  at::Tensor query_moment_hee;   // E[q^T q] of each query head
  at::Tensor value_moment_dd;    // mean over query heads of E[z^T z], z = attention-averaged y
};

// By the attention's prefix (model/state_dict.h).
using Statistics = std::map<std::string, SiteStatistics>;

}  // namespace regroup
