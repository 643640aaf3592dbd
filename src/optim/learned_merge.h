// Merged K/V heads whose merge is learned: beside the heads themselves one weight per head is
// trained, and the model computes with their weighted sums. The trainer wraps its optimizer in it.
// [WGQA: Chinnakonduru & Mohapatra 2024, 2407.10855]
#pragma once

#include <memory>

#include "optim/optimizer.h"

namespace regroup {

// `heads` holds, by the name of a grouped parameter [g*e, d], the heads [n*e, d] whose sums it is,
// n a multiple of g, head_width e; group j of the parameter is the sum of w_i times head i over the
// n / g heads of the group. w begins at g / n: the mean. A step turns the parameter's gradient into
// those of heads and weights, lets `inner` take it, and folds the sums anew, so that the model is
// an ordinary grouped one at any time. State: the slots of `inner` for "NAME.heads" and
// "NAME.merge", and both themselves as "value/NAME.heads", "value/NAME.merge".
std::unique_ptr<Optimizer> LearnMerge(std::unique_ptr<Optimizer> inner, const StateDict& heads,
                                      int64_t head_width);

}  // namespace regroup
