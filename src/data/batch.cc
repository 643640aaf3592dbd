// Padding of examples into a batch.
#include "data/batch.h"

#include <algorithm>
#include <numeric>

#include "core/status.h"

namespace regroup {
namespace {

int64_t Length(const std::vector<int32_t>& ids) { return static_cast<int64_t>(ids.size()); }

int64_t Sum(const std::vector<int32_t>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
}

// Copies `ids` to the start of row `row` of a [rows, width] array of zeros.
void CopyRow(const std::vector<int32_t>& ids, size_t row, int64_t width,
             std::vector<int32_t>* out) {
  std::copy(ids.begin(), ids.end(), out->begin() + static_cast<int64_t>(row) * width);
}

}  // namespace

int64_t Batch::target_tokens() const { return Sum(target_lengths_b); }
int64_t Batch::source_tokens() const { return Sum(source_lengths_b); }

Batch Collate(std::span<const Example> examples) {
  REGROUP_CHECK(!examples.empty());
  Batch batch;
  batch.rows = static_cast<int64_t>(examples.size());
  for (const Example& example : examples) {
    REGROUP_CHECK(!example.input_ids.empty() && !example.target_ids.empty(), example.id);
    batch.source_length = std::max(batch.source_length, Length(example.input_ids));
    batch.target_length = std::max(batch.target_length, Length(example.target_ids));
  }
  batch.source_ids_bs.resize(static_cast<size_t>(batch.rows * batch.source_length));
  batch.target_ids_bt.resize(static_cast<size_t>(batch.rows * batch.target_length));
  for (size_t row = 0; row < examples.size(); ++row) {
    const Example& example = examples[row];
    CopyRow(example.input_ids, row, batch.source_length, &batch.source_ids_bs);
    CopyRow(example.target_ids, row, batch.target_length, &batch.target_ids_bt);
    batch.source_lengths_b.push_back(static_cast<int32_t>(example.input_ids.size()));
    batch.target_lengths_b.push_back(static_cast<int32_t>(example.target_ids.size()));
    batch.positions_b.push_back(example.position);
  }
  return batch;
}

}  // namespace regroup
