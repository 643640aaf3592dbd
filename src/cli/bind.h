// The one place where commands meet the command-line parser (CLI11).
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace regroup {

// What the arguments ask for.
struct Invocation {
  const Command* command = nullptr;  // null: print `help` and end
  CommonOptions common;
  std::string help;
};

// `arguments` without the program's name. Unknown commands and flags, missing and wrong values:
// UserError.
absl::StatusOr<Invocation> ParseArguments(std::vector<Command>& commands,
                                          const std::vector<std::string>& arguments);

}  // namespace regroup
