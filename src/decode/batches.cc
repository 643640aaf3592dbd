// Rows into batches of nearly equal length. See engine.h.
#include <algorithm>
#include <numeric>
#include <utility>

#include "decode/engine.h"

namespace regroup {
namespace {

// The rows from `begin` on that fit into one batch; `order` goes from long to short, so the first
// row's length is the padded one; `targets`: longest target of all beams of a row. A row that alone
// exceeds the bound is a batch of its own.
size_t BatchEnd(const std::vector<std::vector<int32_t>>& sources, const std::vector<size_t>& order,
                size_t begin, int64_t targets, int64_t batch_tokens) {
  const int64_t per_row = static_cast<int64_t>(sources[order[begin]].size()) + targets;
  const int64_t rows = std::max<int64_t>(1, batch_tokens / per_row);
  return std::min(order.size(), begin + static_cast<size_t>(rows));
}

}  // namespace

absl::Status GenerateAll(const Engine& engine, const std::vector<std::vector<int32_t>>& sources,
                         int64_t max_length, const DecodeConfig& options, DecodeTimes* times,
                         const std::function<absl::Status(size_t, Hypothesis)>& done) {
  std::vector<size_t> order(sources.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sources[a].size() > sources[b].size(); });
  for (size_t begin = 0; begin < order.size();) {
    const size_t end = BatchEnd(sources, order, begin, max_length * options.beams.value_or(1),
                                options.batch_tokens);
    std::vector<std::vector<int32_t>> batch;
    for (size_t i = begin; i < end; ++i) batch.push_back(sources[order[i]]);
    REGROUP_ASSIGN_OR_RETURN(std::vector<Hypothesis> hypotheses,
                             engine.Generate(batch, max_length, options, times));
    for (size_t i = begin; i < end; ++i) {
      REGROUP_RETURN_IF_ERROR(done(order[i], std::move(hypotheses[i - begin])));
    }
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace regroup
