// Marks, and labels that keep clear of each other.
#include "report/plot_labels.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "report/plot.h"
#include "report/printable.h"

namespace regroup {
namespace {

constexpr double kCharacter = 6.9, kLineHeight = 13;  // of the label font

double LeftOf(const Label& label) {
  return label.ends_at_x ? label.x - WidthOf(label.text) : label.x;
}

bool Overlap(const Label& a, const Label& b) {
  return LeftOf(a) < LeftOf(b) + WidthOf(b.text) && LeftOf(b) < LeftOf(a) + WidthOf(a.text);
}

}  // namespace

std::string MarkPath(double x, double y, int style) {
  switch (style % kPlotStyles) {
    case 0:
      return absl::StrFormat("M%.1f %.1fa4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", x - 4, y);
    case 1:
      return absl::StrFormat("M%.1f %.1fh7v7h-7z", x - 3.5, y - 3.5);
    case 2:
      return absl::StrFormat("M%.1f %.1fl4.5 8h-9z", x, y - 5);
    case 3:
      return absl::StrFormat("M%.1f %.1fl4.5 4.5l-4.5 4.5l-4.5 -4.5z", x, y - 4.5);
    case 4:
      return absl::StrFormat("M%.1f %.1fl4.5 -8h-9z", x, y + 5);
    case 5:
      return absl::StrFormat("M%.1f %.1fh8v3h-8z", x - 4, y - 1.5);
    case 6:
      return absl::StrFormat("M%.1f %.1fh3v8h-3z", x - 1.5, y - 4);
    default:
      return absl::StrFormat("M%.1f %.1fl8 4l-8 4z", x - 3, y - 4);
  }
}

double WidthOf(const std::string& text) {
  return kCharacter * static_cast<double>(CharacterCount(text));
}

void Spread(std::vector<Label>& labels, double lowest) {
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.y < b.y; });
  for (size_t i = 0; i < labels.size(); ++i) {
    for (size_t above = 0; above < i; ++above) {
      if (Overlap(labels[above], labels[i]))
        labels[i].y = std::max(labels[i].y, labels[above].y + kLineHeight);
    }
  }
  for (size_t i = labels.size(); i-- > 0;) {
    labels[i].y = std::min(labels[i].y, lowest);
    for (size_t below = i + 1; below < labels.size(); ++below) {
      if (Overlap(labels[below], labels[i]))
        labels[i].y = std::min(labels[i].y, labels[below].y - kLineHeight);
    }
  }
}

}  // namespace regroup
