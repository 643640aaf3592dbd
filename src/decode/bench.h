// `bench decode`: several checkpoints decoded side by side on the same made-up rows, the end token
// off. The command and the stage `bench` call it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/status.h"

namespace regroup {

struct DecodeBenchOptions {
  int64_t batch = 64;    // rows decoded at once
  int64_t source = 512;  // source tokens of every row
  int64_t target = 32;   // generated tokens of every row
  // Timed rounds. A round decodes one batch with every model and begins with another one than the
  // round before, so that drift and neighbours hit all alike.
  int64_t repeats = 3;
  std::string precision = "fp32";  // fp32 | bf16
  uint64_t seed = 1;               // of the made-up source ids
};

// The contract's object {"machine", "models"}, models in the order of `folders`. Peak memory is
// taken in a round of its own, with one model in the process at a time. About a second goes into
// measuring the machine. Errors: a folder that cannot be read (user's), a signal (StoppedStatus).
absl::StatusOr<Json> BenchDecode(const std::vector<std::string>& folders,
                                 const DecodeBenchOptions& options);

// The same as a table for people.
std::string DecodeBenchTable(const Json& bench);

// The models of one round in the order in which they are timed.
std::vector<size_t> RoundOrder(size_t models, int64_t round);

}  // namespace regroup
