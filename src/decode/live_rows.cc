// Dropping finished rows from a batch. See live_rows.h.
#include "decode/live_rows.h"

#include <ATen/ATen.h>

#include <utility>

namespace regroup {

at::Tensor KeepLiveRows(std::vector<size_t>& row_of, size_t live,
                        const std::function<bool(size_t row)>& finished) {
  if (live * 2 > row_of.size() || live == 0) return {};
  std::vector<size_t> kept;
  std::vector<int64_t> places;
  for (size_t i = 0; i < row_of.size(); ++i) {
    if (finished(row_of[i])) continue;
    kept.push_back(row_of[i]);
    places.push_back(static_cast<int64_t>(i));
  }
  row_of = std::move(kept);
  return at::tensor(places, at::kLong);
}

}  // namespace regroup
