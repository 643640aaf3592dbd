// The line at the end of a command that says what to do next: "next: regroup plan my.yaml". Every
// command ends with one.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "core/json.h"

namespace regroup {

// How the program was called: REGROUP_COMMAND (set by scripts/regroup), else the first word of the
// command line.
std::string ProgramWord();

// "word word 'word with spaces'": each word as a POSIX shell reads it back.
std::string ShellWords(const std::vector<std::string>& words);
// The same behind ProgramWord().
std::string OwnCommand(const std::vector<std::string>& words);

// Writes "next: <step>" to stderr; nothing with --quiet or --json, or where `step` is empty.
void SayNext(const CommonOptions& common, const std::string& step);

// By what inspect found.
std::string NextAfterInspect(const Json& inspection);

}  // namespace regroup
