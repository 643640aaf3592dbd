// What values a tensor holds: range, size, what is not finite, what narrower types would lose.
// `inspect` prints them by group of tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <string>

#include "core/json.h"

namespace regroup {

struct TensorStatistics {
  int64_t count = 0, nan = 0, infinite = 0;
  int64_t beyond_fp16 = 0;  // finite, but an infinity in fp16 (magnitude of 65,520 or more)
  int64_t below_fp16 = 0;   // not 0, but 0 in fp16 (magnitude of 2^-25 or less)
  double minimum = std::numeric_limits<double>::infinity();
  double maximum = -std::numeric_limits<double>::infinity();
  double sum_of_sizes = 0, sum_of_squares = 0;  // of the finite values
  double bf16_error_squares = 0;                // of the differences that rounding to bf16 makes

  void Merge(const TensorStatistics& other);
  int64_t finite() const { return count - nan - infinite; }
  double mean_size() const;
  double rms() const;
  // RMS of the difference after rounding to bf16 over the RMS; 0: bf16 holds every value exactly.
  double bf16_error() const;
};

// Of a floating-point tensor on the CPU, in chunks: takes no more memory than the tensor itself,
// and none where it is contiguous. The same on any number of threads.
TensorStatistics StatisticsOf(const at::Tensor& tensor);

// {"values", "nan", "infinite", "min", "max", "mean_abs", "rms", "beyond_fp16", "below_fp16",
// "bf16_error"}; min to rms are null where no value is finite.
Json StatisticsToJson(const TensorStatistics& statistics);

// The part of a T5 that a tensor belongs to, by its Hugging Face name: "embedding", "encoder
// self-attention", "decoder self-attention", "cross-attention", "encoder feed-forward", "decoder
// feed-forward", "position biases", "norms", "head"; "others" for a name of no T5.
std::string TensorGroup(const std::string& name);

}  // namespace regroup
