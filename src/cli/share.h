// Where the shipped recipes, configs and texts are. Called by the commands that take them by name.
#pragma once

#include <string>

namespace regroup {

// The folder with recipes/ and configs/: REGROUP_SHARE where it is set, else share/regroup beside
// the folder of the installed binary, else the nearest folder above the binary, which is the source
// tree that it was built in. "" where there is none.
std::string ShareFolder();

// A recipe's file: `given` itself where there is such a file, else the shipped recipe of that name
// (also of nearly that name: the error that it is not there names the other), else `given`.
std::string RecipeFile(const std::string& given);

}  // namespace regroup
