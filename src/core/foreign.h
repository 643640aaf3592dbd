// What a file is that was taken for another: a web page, a pointer of Git LFS, a packed file.
// Called by readers whose own form does not fit, so that the message says what to do.
#pragma once

#include <string>
#include <string_view>

namespace regroup {

// A sentence on what `start`, the first bytes of a file, belongs to and what to do, or "" where
// nothing is recognized.
std::string ForeignContent(std::string_view start);

}  // namespace regroup
