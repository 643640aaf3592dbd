// Dropout masks from counters.
#include "ops/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/random.h"
#include "core/status.h"

namespace regroup {
namespace {

constexpr uint32_t kStreams = 4096;
constexpr uint64_t kStepStride = 0x9E3779B97F4A7C15ULL;  // odd: every step gives another seed

}  // namespace

at::Tensor DropoutMask(const DropoutOptions& options, const std::vector<uint64_t>& positions_b,
                       uint32_t site, int64_t streams, int64_t width, const at::TensorOptions& to) {
  if (options.rate <= 0) return {};
  REGROUP_CHECK(options.rate < 1 && streams <= kStreams && site < (1U << 20));
  const int64_t rows = static_cast<int64_t>(positions_b.size());
  at::Tensor mask = at::empty({rows, streams, width}, at::kFloat);
  const uint64_t seed = options.seed + options.step * kStepStride;
  const auto dropped_below = static_cast<uint64_t>(options.rate * 4294967296.0);
  const float keep = static_cast<float>(1.0 / (1.0 - options.rate));
  float* out = mask.mutable_data_ptr<float>();
  at::parallel_for(0, rows * streams, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t position = positions_b[static_cast<size_t>(i / streams)];
      const uint32_t stream = static_cast<uint32_t>(i % streams);
      CounterRng rng(seed, RandomPurpose::kDropout, position, site * kStreams + stream);
      for (int64_t k = 0; k < width; ++k) {
        out[i * width + k] = rng.Next() < dropped_below ? 0.0F : keep;
      }
    }
  });
  return mask.to(to);
}

}  // namespace regroup
