// Marks and labels of a plot, in the picture's units. plot.cc draws them.
#pragma once

#include <string>
#include <vector>

namespace regroup {

// The path of a mark around (x, y): one for each style, so that points differ without their colour.
std::string MarkPath(double x, double y, int style);

// A label beside the end of a line, or beside a point. x: where it begins, or ends; y: its base
// line.
struct Label {
  double x = 0, y = 0;
  bool ends_at_x = false;
  int style = 0;
  std::string text;
};

// About how wide a label's text is.
double WidthOf(const std::string& text);

// Moves labels down until none covers another, then up where they came below `lowest`.
void Spread(std::vector<Label>& labels, double lowest);

}  // namespace regroup
