// T5's relative position bias. `model` and `decode` call it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace regroup {

struct RelativeBuckets {
  bool bidirectional = true;  // encoder; false: decoder, later keys fall into bucket 0
  int64_t buckets = 32;
  int64_t max_distance = 128;  // distances from here on share the last bucket
};

// Bucket of key_pos - query_pos, int64 [t, s], for queries 0..t-1 and keys 0..s-1. The logarithm is
// fp32, as in the reference. [Hugging Face T5Attention._relative_position_bucket]
at::Tensor RelativePositionBuckets(int64_t queries, int64_t keys, const RelativeBuckets& how,
                                   at::Device device);

// bias_1hts [1, h, t, s] from the table [buckets, h], in the table's type; differentiable.
at::Tensor RelativeBias(const at::Tensor& table, int64_t queries, int64_t keys,
                        const RelativeBuckets& how);

}  // namespace regroup
