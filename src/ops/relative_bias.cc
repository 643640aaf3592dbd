// Relative position buckets and the bias that they select.
#include "ops/relative_bias.h"

#include <ATen/ATen.h>

#include <cmath>

namespace regroup {
namespace {

// Buckets of int64 differences key - query, any shape.
at::Tensor BucketsOf(const at::Tensor& relative, const RelativeBuckets& how) {
  int64_t buckets = how.buckets;
  at::Tensor offset, distance;
  if (how.bidirectional) {
    buckets /= 2;
    offset = relative.gt(0).to(at::kLong) * buckets;
    distance = relative.abs();
  } else {
    offset = at::zeros_like(relative);
    distance = relative.neg().clamp_min(0);
  }
  const int64_t exact = buckets / 2;
  const double reach = std::log(static_cast<double>(how.max_distance) / static_cast<double>(exact));
  at::Tensor large = at::log(distance.to(at::kFloat) / static_cast<double>(exact)) / reach *
                     static_cast<double>(buckets - exact);
  // Distance 0 gives -infinity here; clamped before the conversion, then not selected.
  large = large.clamp_min(0).to(at::kLong).add_(exact).clamp_max(buckets - 1);
  return offset + at::where(distance.lt(exact), distance, large);
}

}  // namespace

at::Tensor RelativePositionBuckets(int64_t queries, int64_t keys, const RelativeBuckets& how,
                                   at::Device device) {
  const auto options = at::TensorOptions(at::kLong).device(device);
  const at::Tensor query = at::arange(queries, options).unsqueeze(1);
  const at::Tensor key = at::arange(keys, options).unsqueeze(0);
  return BucketsOf(key - query, how);
}

at::Tensor RelativeBias(const at::Tensor& table, int64_t queries, int64_t keys,
                        const RelativeBuckets& how) {
  // Only queries + keys - 1 differences exist: look those up, then lay them out as diagonals. Row t
  // of the result is the window that starts at queries - 1 - t.
  const at::Tensor differences =
      at::arange(1 - queries, keys, at::TensorOptions(at::kLong).device(table.device()));
  const at::Tensor diagonals = table.index_select(0, BucketsOf(differences, how)).t().contiguous();
  return diagonals.unfold(1, keys, 1).flip({1}).contiguous().unsqueeze(0);
}

}  // namespace regroup
