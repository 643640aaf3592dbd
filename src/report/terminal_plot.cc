// Braille plots: see terminal_plot.h.
#include "report/terminal_plot.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/log.h"
#include "report/printable.h"

namespace regroup {
namespace {

// Bits of the dots of U+2800 to U+28FF, by column and row.
constexpr unsigned kDots[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

class Canvas {
 public:
  Canvas(size_t columns, size_t rows) : columns_(columns), rows_(rows), cells_(columns * rows) {}

  // x and y in dots, from the top left.
  void Dot(int x, int y) {
    const auto column = static_cast<size_t>(x) / 2, row = static_cast<size_t>(y) / 4;
    if (x < 0 || y < 0 || column >= columns_ || row >= rows_) return;
    cells_[row * columns_ + column] |= kDots[x % 2][y % 4];
  }

  void Line(int x0, int y0, int x1, int y1) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double share = static_cast<double>(i) / steps;
      Dot(static_cast<int>(std::lround(x0 + share * (x1 - x0))),
          static_cast<int>(std::lround(y0 + share * (y1 - y0))));
    }
  }

  std::vector<std::string> Lines() const {
    std::vector<std::string> lines(rows_);
    for (size_t i = 0; i < cells_.size(); ++i) {
      const unsigned code = 0x2800 + cells_[i];
      lines[i / columns_] +=
          {static_cast<char>(0xE0 | (code >> 12)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
           static_cast<char>(0x80 | (code & 0x3F))};
    }
    return lines;
  }

 private:
  size_t columns_, rows_;
  std::vector<unsigned> cells_;
};

std::string PadLeft(const std::string& text, size_t width) {
  return std::string(width - std::min(width, CharacterCount(text)), ' ') + text;
}

}  // namespace

std::vector<std::string> BrailleLine(const Points& points, size_t columns, size_t rows) {
  Canvas canvas(columns, rows);
  const Range x_range = RangeOf(points.x, 0), y_range = RangeOf(points.y, 0);
  const double width = 2 * static_cast<double>(columns) - 1,
               height = 4 * static_cast<double>(rows) - 1;
  bool drawing = false;
  int last_x = 0, last_y = 0;
  for (size_t i = 0; i < points.x.size(); ++i) {
    const bool shown = std::isfinite(points.x[i]) && std::isfinite(points.y[i]);
    if (shown) {
      const auto x = static_cast<int>(std::lround(width * x_range.Share(points.x[i])));
      const auto y = static_cast<int>(std::lround(height * (1 - y_range.Share(points.y[i]))));
      drawing ? canvas.Line(last_x, last_y, x, y) : canvas.Dot(x, y);
      last_x = x;
      last_y = y;
    }
    drawing = shown;
  }
  return canvas.Lines();
}

std::vector<std::string> TerminalPlot(const std::string& title, const Points& points, size_t width,
                                      size_t rows) {
  constexpr size_t kAxis = 9;  // columns for the values at the left
  std::vector<std::string> lines = {Shorten(title, width)};
  if (width < kAxis + 4 || rows == 0) return lines;
  const size_t columns = width - kAxis - 1;
  const Range y = RangeOf(points.y, 0), x = RangeOf(points.x, 0);
  const std::vector<std::string> curve = BrailleLine(points, columns, rows);
  for (size_t i = 0; i < rows; ++i) {
    const std::string value = i == 0          ? absl::StrFormat("%.4g", y.high)
                              : i + 1 == rows ? absl::StrFormat("%.4g", y.low)
                                              : "";
    lines.push_back(PadLeft(value, kAxis) + " " + curve[i]);
  }
  const auto end = [](double value) {
    return FormatCount(static_cast<long long>(std::llround(value)));
  };
  const std::string first = end(x.low), last = end(x.high);
  lines.push_back(std::string(kAxis + 1, ' ') + first +
                  PadLeft(last, columns > first.size() ? columns - first.size() : 0));
  return lines;
}

}  // namespace regroup
