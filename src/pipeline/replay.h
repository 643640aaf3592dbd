// Runs a window of examples of a run's ledger again: its loss, its gradients, each example. The
// command `replay` calls it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

struct ReplayRequest {
  std::string run;               // run folder
  std::string stage;             // "": the only stage with a ledger
  std::optional<int64_t> entry;  // from 1; default: the last
  std::string device = "cpu";
  bool own_threads = false;  // false: as many threads as the run had
};

// The state before the entry's step is restored from the nearest checkpoint before it (or the
// stage's beginning) and trained up to it; the run folder is only read. {"stage", "entry": the
// ledger's, "from": checkpoint or "the beginning", "steps_again", "loss", "gradient_norm",
// "same": both equal the ledger's bit for bit, "examples": [{"position", "id", "source_tokens",
// "target_tokens", "loss", "input", "target"}], worst first, "gradients": [{"tensor", "norm"}],
// largest first}. Numbers that are not finite are texts. UserError where there is no such entry.
absl::StatusOr<Json> Replay(const ReplayRequest& request);

std::string ReplayText(const Json& replay);

}  // namespace regroup
