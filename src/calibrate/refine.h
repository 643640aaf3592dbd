// After a merge: what each attention's output lost, measured on the calibration rows, and the two
// ways to win some of it back without training the network: the refit of W_o in closed form, and
// local distillation.
#pragma once

#include <string>
#include <vector>

#include "calibrate/calibration.h"
#include "convert/regroup.h"

namespace regroup {

// |out - parent's out|^2 / |parent's out|^2 of one attention on the parent's inputs.
struct OutputDamage {
  std::string prefix;
  double merged = 0;
  double refined = 0;  // after refit and local distillation; equals `merged` without either
};

struct RefineRequest {
  const HfModel* parent = nullptr;
  const Calibration* calibration = nullptr;
  RefineConfig config;
  std::string folder;  // for the sweep's files; removed at the end
  int64_t micro_batch = 8;
  uint64_t seed = 1;  // draws the rows of local distillation
  std::string device = "cpu";
};

// Measures every attention whose heads were merged, and changes its weights in `merged` as the
// config says, rounded once to their dtype. Attentions are independent: each sees what the parent's
// saw. In the order of the forward pass.
absl::StatusOr<std::vector<OutputDamage>> Refine(const RefineRequest& request, Conversion& merged);

}  // namespace regroup
