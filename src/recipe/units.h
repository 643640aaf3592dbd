// Numbers as people write them: "50k steps", "5%", "10 GB". Used by the recipe reader and the
// command line.
#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"

namespace regroup {

// A whole number with an optional factor (k, M, G, T: powers of 1000; KiB, MiB, GiB: powers of
// 1024; kB, MB, GB, TB) and an optional word (steps, tokens, examples, rows, bytes). The error's
// text says what was expected.
absl::StatusOr<int64_t> ParseCount(const std::string& text);

// A number, or a percentage: "0.05", "5%", "1e-3".
absl::StatusOr<double> ParseNumber(const std::string& text);

// A limit as people write it: 1000000, not 1e+06.
std::string FormatLimit(double limit);

}  // namespace regroup
