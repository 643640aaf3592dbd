// RMS norm and feed-forward of the inference engine. See sublayers.h.
#include "decode/sublayers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace regroup {
namespace {

// Sum of squares with eight running sums, which the compiler keeps in vector registers.
template <class T, class Wide>
Wide SumOfSquares(const T* x, int64_t width) {
  Wide sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= width; i += 8) {
    for (int64_t k = 0; k < 8; ++k) {
      const Wide v = static_cast<Wide>(x[i + k]);
      sums[k] += v * v;
    }
  }
  for (; i < width; ++i) sums[0] += static_cast<Wide>(x[i]) * static_cast<Wide>(x[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template <class T, class Wide>
void NormRow(const T* x, const T* weight, T* out, int64_t width, Wide epsilon) {
  const Wide mean = SumOfSquares<T, Wide>(x, width) / static_cast<Wide>(width);
  const Wide scale = Wide(1) / std::sqrt(mean + epsilon);
  for (int64_t i = 0; i < width; ++i) {
    out[i] = static_cast<T>(static_cast<Wide>(x[i]) * scale) * weight[i];
  }
}

template <class T, class Wide>
void NormRows(const at::Tensor& x_nd, const at::Tensor& weight_d, at::Tensor& out_nd,
              double epsilon) {
  const int64_t width = x_nd.size(-1);
  const T* x = x_nd.const_data_ptr<T>();
  const T* weight = weight_d.const_data_ptr<T>();
  T* out = out_nd.mutable_data_ptr<T>();
  const int64_t rows_per_thread = std::max<int64_t>(1, 32768 / width);
  at::parallel_for(0, x_nd.numel() / width, rows_per_thread, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      NormRow<T, Wide>(x + row * width, weight, out + row * width, width,
                       static_cast<Wide>(epsilon));
    }
  });
}

}  // namespace

at::Tensor InferenceRmsNorm(const at::Tensor& x_nd, const at::Tensor& weight_d, double epsilon) {
  if (!x_nd.is_cpu()) {
    const at::Tensor wide = x_nd.to(at::kFloat);
    const at::Tensor scale = wide.square().mean(-1, true).add_(epsilon).rsqrt_();
    return wide.mul(scale).to(x_nd.scalar_type()).mul_(weight_d);
  }
  at::Tensor out = at::empty_like(x_nd);
  switch (x_nd.scalar_type()) {
    case at::kFloat:
      NormRows<float, float>(x_nd, weight_d, out, epsilon);
      break;
    case at::kDouble:
      NormRows<double, double>(x_nd, weight_d, out, epsilon);
      break;
    case at::kBFloat16:
      NormRows<at::BFloat16, float>(x_nd, weight_d, out, epsilon);
      break;
    default:
      REGROUP_CHECK(false, "decode computes in float, double or bfloat16");
  }
  return out;
}

void AddFeedForward(const FeedForwardWeights& w, double epsilon, at::Tensor& x_nd) {
  at::Tensor hidden = at::mm(InferenceRmsNorm(x_nd, w.norm_d, epsilon), w.in_df);
  if (w.gated) {
    const int64_t width = hidden.size(1) / 2;
    hidden = at::gelu(hidden.narrow(1, 0, width), "tanh").mul_(hidden.narrow(1, width, width));
  } else {
    hidden.relu_();
  }
  x_nd.addmm_(hidden, w.out_fd);
}

}  // namespace regroup
