// Plots as inline SVG without scripts: lines, points and bars. Colours, dashes and fonts come from
// the page's style sheet (report_style.css), by the classes that are written here.
#pragma once

#include <string>
#include <vector>

namespace regroup {

inline constexpr int kPlotStyles = 8;  // classes s0 to s7, each a colour, a dash and a mark

struct Series {
  std::string label;
  std::vector<double> x, y;  // of one length; a gap where one is not finite
  int style = 0;             // which colour and mark, 0 to kPlotStyles - 1
  int dash = 0;              // 0 a full line, 1 to 3 broken ones
  bool line = true;          // draws the line
  bool marks = false;        // draws a mark at every point
  bool faint = false;        // a background line, without label
};

struct LinePlot {
  std::string title;        // one line above the picture, plain text
  std::string description;  // what a person who cannot see the picture is told
  std::string x_title, y_title;
  bool x_percent = false;  // x is a share, shown in per cent
  bool y_log = false;      // only positive values are shown
  bool x_from_zero = false;
  std::string if_empty = "No data.";  // where there is no point that can be shown
  std::vector<Series> series;
};

// A <figure>: title, picture, and a legend where the names do not fit beside the lines. Without a
// point that can be shown: the title and `if_empty`.
std::string LinePlotFigure(const LinePlot& plot);

struct Bar {
  std::string label, shown;  // name, and the value as people read it
  double value = 0;          // not negative
  int style = 0;
};
struct BarPlot {
  std::string title, description;
  std::vector<Bar> bars;
};
std::string BarPlotFigure(const BarPlot& plot);

}  // namespace regroup
