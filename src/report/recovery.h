// How a model whose heads were merged comes back while it is trained on: losses by alpha, above the
// parent trained as long on the same batches, over several orders of the data. The report and the
// compare stage make their tables from it.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"

namespace regroup {

// Numbers that are not known are NaN.
struct RecoveryPoint {
  double alpha = 0;  // share of the original steps
  double step = 0;
  double loss = 0;  // held-out span-corruption loss
};

// One uptraining.
struct RecoveryCurve {
  std::string stage, label;  // "MHA", "GQA-2", "MQA", else the stage
  bool parent = false;       // nothing was merged: the parent, trained as long
  std::string from;          // stage or folder that was trained on
  std::string root;          // whose heads were merged; `from` itself where none were
  std::string method;        // by which its heads were merged; "" where not known
  std::string batches;       // equal for uptrainings that saw the same batches
  std::string teaching;      // equal for those that learned from a teacher alike; "" for none
  std::string way;           // equal for those that differ in the order of the data alone
  std::vector<RecoveryPoint> points;
};

// `config` of an uptrain stage, kind and config of the stage that it comes from ("" and null for a
// folder), `recovery` of its result ([{"alpha", "step", "loss"}], or null: no points).
RecoveryCurve MakeRecoveryCurve(const std::string& stage, const std::string& label,
                                const Json& config, const std::string& source_kind,
                                const Json& source_config, const Json& recovery);

// The curve's loss at exactly this share, NaN without one.
double LossAt(const RecoveryCurve& curve, double alpha);

// A mean over uptrainings that differ in the order of the data alone.
struct WayPoint {
  double alpha = 0, step = 0, loss = 0;
  double above = 0;       // the loss less the parent's, batch for batch the same and as long
  double half_width = 0;  // of the 95 % interval of `above` over the orders (Student's t)
  // The part of what merging cost that is gone again: of what this way of merging cost itself, and
  // of what the mean cost. 1 at the parent's loss.
  double won_back = 0, of_mean_gap = 0;
};
struct RecoveryWay {
  std::string label;  // unlike every other's
  std::vector<std::string> stages;
  bool parent = false;
  std::vector<WayPoint> points;
};
// In the order of their first curves. A curve with a teacher is measured against a parent that
// learned from itself in the same way, one without against a parent without.
std::vector<RecoveryWay> RecoveryWays(const std::vector<RecoveryCurve>& curves);
// [{"label", "stages", "parent", "points": [{"alpha", "step", "loss", "above_parent", "half_width",
// "won_back", "of_mean_gap"}]}], null where a number is not known.
Json RecoveryWaysJson(const std::vector<RecoveryWay>& ways);

}  // namespace regroup
