// ledger.jsonl of a stage: the windows of examples at which training stopped or which it skipped.
// The trainer writes it and passes over what it names; `replay` and `report` read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

inline constexpr char kLedgerName[] = "ledger.jsonl";

struct LedgerEntry {
  std::string action;            // "stopped" | "skipped"
  int64_t step = 0;              // that was to be taken, from 1
  uint64_t position = 0;         // of the window's first example in the stream
  int64_t examples = 0;          // in the window
  std::vector<std::string> ids;  // of those examples that have one
  std::string reason;
  double loss = 0;
  double gradient_norm = 0;
  double learning_rate = 0;
  double time = 0;  // seconds since 1970
};

// The entries in the order in which they were written; none if there is no ledger. UserError at
// file:line.
absl::StatusOr<std::vector<LedgerEntry>> ReadLedger(const std::string& stage_folder);
absl::Status AppendToLedger(const std::string& stage_folder, const LedgerEntry& entry);

// "data positions 96 to 127 (ids 5, 17, 3, ...)": the examples of an entry, for messages.
std::string WhichExamples(const LedgerEntry& entry);

// A number of an entry as JSON; one that is not finite, which JSON cannot say, as a text ("nan").
Json LedgerNumber(double value);

}  // namespace regroup
