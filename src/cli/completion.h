// Completion scripts for shells, made from the table of commands. The `completion` command prints
// them.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace regroup {

// What shells a script can be made for.
const std::vector<std::string>& CompletionShells();

// The script for one of them. It completes commands, options, values that are one of a few, shipped
// recipes and tasks by name, and paths.
std::string CompletionScript(const std::string& shell, const std::vector<Command>& commands);

}  // namespace regroup
