// A curve in braille characters, 2 by 4 dots each. `watch` draws with it.
#pragma once

#include <string>
#include <vector>

#include "report/plot_scale.h"

namespace regroup {

// `rows` lines of `columns` characters; dots between neighbouring points are joined, a gap (not
// finite) is not. Without a finite point: blank lines.
std::vector<std::string> BrailleLine(const Points& points, size_t columns, size_t rows);

// The same with a title above, the highest and lowest value at the left and the ends of x below:
// `rows` + 2 lines of at most `width` characters.
std::vector<std::string> TerminalPlot(const std::string& title, const Points& points, size_t width,
                                      size_t rows);

}  // namespace regroup
