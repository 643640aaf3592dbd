// A path that is not there: what may have been meant. Messages about missing files end with it.
#pragma once

#include <string>

namespace regroup {

// " (did you mean "runs/a"?)" where the folder of `path` holds a similar name, " (there is no
// folder X)" where that folder is missing, else "".
std::string DidYouMeanPath(const std::string& path);

// "cannot open the file: No such file or directory (did you mean ...?)": what opening `path` failed
// with, by errno.
std::string CannotOpen(const std::string& path, int error);

}  // namespace regroup
