// One pass over the values, in chunks whose results are merged in their order.
#include "checkpoint/tensor_statistics.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace regroup {
namespace {

constexpr int64_t kChunk = 1 << 18;
constexpr double kFp16Infinity = 65520, kFp16Zero = 0x1p-25;

template <class T>
TensorStatistics OfValues(const T* values, int64_t count) {
  TensorStatistics result;
  result.count = count;
  for (int64_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(values[i]);
    if (!std::isfinite(value)) {
      ++(std::isnan(value) ? result.nan : result.infinite);
      continue;
    }
    const double size = std::abs(value);
    result.minimum = std::min(result.minimum, value);
    result.maximum = std::max(result.maximum, value);
    result.sum_of_sizes += size;
    result.sum_of_squares += size * size;
    result.beyond_fp16 += size >= kFp16Infinity ? 1 : 0;
    result.below_fp16 += size > 0 && size <= kFp16Zero ? 1 : 0;
    const double lost = value - static_cast<double>(c10::BFloat16(static_cast<float>(value)));
    if (std::isfinite(lost)) result.bf16_error_squares += lost * lost;
  }
  return result;
}

template <class T>
TensorStatistics InChunks(const at::Tensor& tensor) {
  const T* values = tensor.const_data_ptr<T>();
  const int64_t count = tensor.numel(), chunks = (count + kChunk - 1) / kChunk;
  std::vector<TensorStatistics> parts(static_cast<size_t>(chunks));
  at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      parts[static_cast<size_t>(i)] =
          OfValues(values + i * kChunk, std::min(kChunk, count - i * kChunk));
    }
  });
  TensorStatistics result;
  for (const TensorStatistics& part : parts) result.Merge(part);
  return result;
}

}  // namespace

void TensorStatistics::Merge(const TensorStatistics& other) {
  count += other.count;
  nan += other.nan;
  infinite += other.infinite;
  beyond_fp16 += other.beyond_fp16;
  below_fp16 += other.below_fp16;
  minimum = std::min(minimum, other.minimum);
  maximum = std::max(maximum, other.maximum);
  sum_of_sizes += other.sum_of_sizes;
  sum_of_squares += other.sum_of_squares;
  bf16_error_squares += other.bf16_error_squares;
}

double TensorStatistics::mean_size() const {
  return sum_of_sizes / static_cast<double>(std::max<int64_t>(1, finite()));
}

double TensorStatistics::rms() const {
  return std::sqrt(sum_of_squares / static_cast<double>(std::max<int64_t>(1, finite())));
}

double TensorStatistics::bf16_error() const {
  return sum_of_squares == 0 ? 0 : std::sqrt(bf16_error_squares / sum_of_squares);
}

TensorStatistics StatisticsOf(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  switch (values.scalar_type()) {
    case at::kDouble:
      return InChunks<double>(values);
    case at::kHalf:
      return InChunks<at::Half>(values);
    case at::kBFloat16:
      return InChunks<at::BFloat16>(values);
    default:
      return InChunks<float>(values.to(at::kFloat));
  }
}

Json StatisticsToJson(const TensorStatistics& statistics) {
  Json json = {{"values", statistics.count},          {"nan", statistics.nan},
               {"infinite", statistics.infinite},     {"beyond_fp16", statistics.beyond_fp16},
               {"below_fp16", statistics.below_fp16}, {"bf16_error", statistics.bf16_error()}};
  const bool any = statistics.finite() > 0;
  json["min"] = any ? Json(statistics.minimum) : Json();
  json["max"] = any ? Json(statistics.maximum) : Json();
  json["mean_abs"] = any ? Json(statistics.mean_size()) : Json();
  json["rms"] = any ? Json(statistics.rms()) : Json();
  return json;
}

std::string TensorGroup(const std::string& name) {
  const auto holds = [&](const char* part) { return name.find(part) != std::string::npos; };
  const std::string side = name.starts_with("encoder.") ? "encoder " : "decoder ";
  if (holds("shared.") || holds("embed_tokens")) return "embedding";
  if (name.starts_with("lm_head.")) return "head";
  if (holds("layer_norm")) return "norms";
  if (holds("relative_attention_bias")) return "position biases";
  if (holds("EncDecAttention")) return "cross-attention";
  if (holds("SelfAttention")) return side + "self-attention";
  if (holds("DenseReluDense")) return side + "feed-forward";
  return "others";
}

}  // namespace regroup
