// Numbers behind a plot: ticks, smoothing, and fewer points where there are more than pixels. Used
// by plot.cc, the report's curves and `watch`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace regroup {

// Round numbers (1, 2 or 5 times a power of ten) from `low` to `high` inclusive, about `count` of
// them. `low` <= `high`, both finite; one number where they are equal.
std::vector<double> NiceTicks(double low, double high, int count);
// Powers of ten from `low` to `high`, with 2 and 5 times them where there are few. 0 < `low` <=
// `high`.
std::vector<double> LogTicks(double low, double high);
// A tick as people write it, with the decimals that a distance of `step` needs: "0.05", "1,000",
// "20k".
std::string TickText(double tick, double step);

// Mean over `window` points around each, fewer towards the ends so that no end is pulled; a gap
// (not finite) stays one.
std::vector<double> Smooth(const std::vector<double>& y, size_t window);

struct Points {
  std::vector<double> x, y;  // of one length
};
// At most 4 * `columns` points that draw the same line: of each of `columns` equal parts of x the
// first, lowest, highest and last point, in order. Gaps between parts stay.
Points Thin(const Points& points, size_t columns);

// The finite values' range, widened by `margin` of its width; around a single value, its tenth (or
// 1 around 0). {0, 1} without one.
struct Range {
  double low = 0, high = 1;
  double Share(double value) const { return (value - low) / (high - low); }
};
Range RangeOf(const std::vector<double>& values, double margin);

}  // namespace regroup
