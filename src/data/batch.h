// Examples and batches as plain memory: what `data` hands to `model`. No tensors here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace regroup {

// One training or evaluation row. Ids stand as they are: EOS, where wanted, is already in them.
struct Example {
  uint64_t position = 0;  // place in the order of examples; keys every random draw for this row
  std::string id;         // for messages and results: the row's, or its corpus's name
  std::vector<int32_t> input_ids;
  std::vector<int32_t> target_ids;
};

// Rows padded with 0 to the longest; what counts is said by the lengths, never by the id 0.
struct Batch {
  int64_t rows = 0;
  int64_t source_length = 0;           // s: longest source
  int64_t target_length = 0;           // t: longest target
  std::vector<int32_t> source_ids_bs;  // [b, s]
  std::vector<int32_t> target_ids_bt;  // [b, t], what the decoder must produce (its input is this
                                       // shifted right, 0 first)
  std::vector<int32_t> source_lengths_b;
  std::vector<int32_t> target_lengths_b;
  std::vector<uint64_t> positions_b;
  int64_t target_tokens() const;  // sum of target lengths
  int64_t source_tokens() const;
};

// Pads examples into a batch; examples must not be empty and each must have at least one input and
// one target id.
Batch Collate(std::span<const Example> examples);

}  // namespace regroup
