// The comparison of models as text: the paper's Table 1 in miniature. The compare stage makes the
// JSON (table.json) and prints this.
#pragma once

#include <string>

#include "core/json.h"

namespace regroup {

// `comparison`: {"rows": [{"name", "label", "parameters", "kv_heads", "kv_bytes_per_position",
//   "tasks": {name: {"metric", "value", "interval", "shuffled", "shuffled_interval", "loss",
//   "rows"}}, "bench": {"ms_per_sample", "kv_bytes", "step_ms": {"median"}} | null}],
//  "bench": {"batch", "source", "target", "precision"} | null,
//  "recovery": {"alphas": [share], "rows": [{"name", "label", "loss": [number | null]}],
//   "ways": RecoveryWaysJson} | null}
std::string ComparisonText(const Json& comparison);

}  // namespace regroup
