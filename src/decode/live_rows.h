// Which rows of a batch the decoder still works on, for greedy and beam search.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <vector>

namespace regroup {

// `row_of` names the row at each place of the decoder's batch, `live` of them are not finished.
// Where that is half of the places or fewer, keeps only theirs in `row_of` and returns them (int64
// [k], ascending: for DecoderState::KeepRows); else an undefined tensor. What dropping costs, a
// copy of what stays, is paid back by the steps that follow.
at::Tensor KeepLiveRows(std::vector<size_t>& row_of, size_t live,
                        const std::function<bool(size_t row)>& finished);

}  // namespace regroup
