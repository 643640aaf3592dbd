// Rounding by way of an fp32 value that is odd wherever it is not exact.
#include "convert/narrow.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace regroup {
namespace {

// fp32 value from which a further rounding to 16 bits gives what one rounding from fp64 would have
// given (round to odd).
float RoundToOdd(double x) {
  const auto nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) == x || !std::isfinite(nearest)) return nearest;
  auto bits = std::bit_cast<uint32_t>(nearest);
  if ((bits & 1U) == 0) bits += std::fabs(static_cast<double>(nearest)) < std::fabs(x) ? 1U : ~0U;
  return std::bit_cast<float>(bits);
}

}  // namespace

at::Tensor NarrowOnce(const at::Tensor& wide, at::ScalarType dtype) {
  if (wide.scalar_type() == dtype) return wide;
  if (dtype != at::kHalf && dtype != at::kBFloat16) return wide.to(dtype);
  const at::Tensor source = wide.cpu().contiguous();
  at::Tensor odd = at::empty(source.sizes(), at::kFloat);
  const double* from = source.const_data_ptr<double>();
  float* to = odd.mutable_data_ptr<float>();
  for (int64_t i = 0; i < source.numel(); ++i) to[i] = RoundToOdd(from[i]);
  return odd.to(dtype).to(wide.device());
}

}  // namespace regroup
