// Sums the gradients of a step's micro-batches in one fixed order: a binary tree over their
// indices. Whichever rank computes an aligned block of leaves then gets the same partial sum, bit
// for bit. `train` calls it.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/state_dict.h"

namespace regroup {

class GradientTree {
 public:
  // The next leaf, in index order; all leaves have the same names and shapes. Takes the tensors
  // over: they are summed in place. Keeps at most log2(n) + 1 partial sums (a binary counter).
  void Add(StateDict gradients);

  // Sum of all leaves; with n a power of two this is the complete tree, otherwise the complete
  // blocks are joined from the right. The tree is empty afterwards. At least one leaf.
  StateDict Finish();

  int64_t partial_sums() const { return static_cast<int64_t>(stack_.size()); }

 private:
  struct Partial {
    int64_t leaves;
    StateDict sum;
  };
  void MergeTop();

  std::vector<Partial> stack_;  // leaves fall from bottom to top
};

}  // namespace regroup
