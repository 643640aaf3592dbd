// Text of --help: the overview in the order of a person's way, and a command's page, examples
// first. bind.cc shows them.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace regroup {

// All commands by what they are for, one line each, and the exit codes.
std::string Overview(const std::vector<Command>& commands);
// A command's page.
std::string CommandHelp(const Command& command);
// The pages of a group ("tokenize").
std::string GroupHelp(const std::vector<Command>& commands, const std::string& group);

// `text` in lines of at most `width` characters, broken between words; a longer word stands alone.
std::vector<std::string> WrapWords(const std::string& text, size_t width);

}  // namespace regroup
