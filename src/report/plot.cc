// SVG of lines, points and bars. Sizes are in the picture's own units, which the page shows at
// about one pixel each, so that text stays readable on a phone.
#include "report/plot.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "report/plot_labels.h"
#include "report/plot_scale.h"
#include "report/printable.h"

namespace regroup {
namespace {

constexpr double kWidth = 360, kHeight = 230;
constexpr double kLeft = 46, kTop = 22, kBottom = 38, kRight = 12;
constexpr size_t kMostLabelColumns = 15, kMostLabels = 6;
constexpr size_t kColumns = 300;  // of pixels that a line can use

std::string Style(int style, int dash) {
  return absl::StrCat("s", style % kPlotStyles, " d", dash % 4);
}

std::string Text(double x, double y, const char* classes, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, classes,
                         EscapeHtml(text));
}

class LinePicture {
 public:
  explicit LinePicture(const LinePlot& plot) : plot_(plot) {
    std::vector<double> x, y;
    for (const Series& series : plot.series) {
      for (size_t i = 0; i < series.x.size(); ++i) {
        if (!Shown(series.x[i], series.y[i])) continue;
        x.push_back(series.x[i]);
        y.push_back(Y(series.y[i]));
      }
    }
    any_ = !x.empty();
    if (plot.x_from_zero) x.push_back(0);
    const bool points_only = std::none_of(plot.series.begin(), plot.series.end(),
                                          [](const Series& series) { return series.line; });
    x_ = RangeOf(x, points_only ? 0.08 : 0.02);
    if (plot.x_from_zero) x_.low = points_only ? 0 : std::min(0.0, x_.low);
    y_ = RangeOf(y, points_only ? 0.12 : 0.05);
    direct_ = LabelsFit();
    right_ = kRight + (direct_ && !points_only ? LabelWidth() + 4 : 0);
  }

  bool any() const { return any_; }
  bool needs_legend() const { return !direct_; }

  std::string Draw() {
    std::string svg = Axes();
    for (const Series& series : plot_.series) svg += DrawSeries(series);
    return svg + Labels();
  }

 private:
  bool Shown(double x, double y) const {
    return std::isfinite(x) && std::isfinite(y) && (!plot_.y_log || y > 0);
  }
  double Y(double y) const { return plot_.y_log ? std::log10(y) : y; }
  double AtX(double x) const { return kLeft + (kWidth - kLeft - right_) * x_.Share(x); }
  double AtY(double y) const {
    return kHeight - kBottom - (kHeight - kBottom - kTop) * y_.Share(Y(y));
  }

  bool LabelsFit() const {
    size_t count = 0, longest = 0;
    for (const Series& series : plot_.series) {
      if (series.faint) continue;
      ++count;
      longest = std::max(longest, CharacterCount(series.label));
    }
    return count <= kMostLabels && longest <= kMostLabelColumns;
  }
  double LabelWidth() const {
    double widest = 0;
    for (const Series& series : plot_.series) {
      if (!series.faint) widest = std::max(widest, WidthOf(series.label));
    }
    return widest;
  }

  std::string Axes() const {
    std::string svg;
    const double bottom = kHeight - kBottom, end = kWidth - right_;
    const std::vector<double> y_ticks = plot_.y_log
                                            ? LogTicks(std::pow(10, y_.low), std::pow(10, y_.high))
                                            : NiceTicks(y_.low, y_.high, 5);
    for (size_t i = 0; i < y_ticks.size(); ++i) {
      const double y = AtY(y_ticks[i]);
      const double step = plot_.y_log || y_ticks.size() < 2 ? y_ticks[i] : y_ticks[1] - y_ticks[0];
      absl::StrAppendFormat(&svg, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", kLeft, y, end);
      svg += Text(kLeft - 5, y + 4, "tick e", TickText(y_ticks[i], std::fabs(step)));
    }
    const double scale = plot_.x_percent ? 100 : 1;
    const std::vector<double> x_ticks = NiceTicks(x_.low * scale, x_.high * scale, 5);
    for (const double tick : x_ticks) {
      const double x = AtX(tick / scale);
      const double step = x_ticks.size() < 2 ? std::fabs(tick) : x_ticks[1] - x_ticks[0];
      absl::StrAppendFormat(&svg, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>\n", x, bottom);
      svg += Text(x, bottom + 16, "tick m",
                  TickText(tick, step) + (plot_.x_percent ? "\xC2\xA0%" : ""));
    }
    absl::StrAppendFormat(&svg, "<path class=\"axis\" d=\"M%.1f %.1fH%.1f\"/>\n", kLeft, bottom,
                          end);
    svg += Text((kLeft + end) / 2, kHeight - 5, "name m", plot_.x_title);
    return svg + Text(2, 11, "name", plot_.y_title);
  }

  std::string DrawSeries(const Series& series) const {
    std::string svg;
    if (series.line) {
      const std::string path = Path(Thin({series.x, series.y}, kColumns));
      if (!path.empty()) {
        absl::StrAppend(&svg, "<path class=\"line ", Style(series.style, series.dash),
                        series.faint ? " faint" : "", "\" d=\"", path, "\"/>\n");
      }
    }
    for (size_t i = 0; series.marks && i < series.x.size(); ++i) {
      if (!Shown(series.x[i], series.y[i])) continue;
      absl::StrAppend(&svg, "<path class=\"mark ", Style(series.style, 0), "\" d=\"",
                      MarkPath(AtX(series.x[i]), AtY(series.y[i]), series.style), "\"><title>",
                      PointTitle(series, i), "</title></path>\n");
    }
    return svg;
  }

  std::string PointTitle(const Series& series, size_t i) const {
    return EscapeHtml(absl::StrFormat("%s: %s %.6g%s, %s %.6g", series.label, plot_.x_title,
                                      series.x[i] * (plot_.x_percent ? 100 : 1),
                                      plot_.x_percent ? " %" : "", plot_.y_title, series.y[i]));
  }

  // A lone point between gaps becomes a dot: a line of no length with round ends.
  std::string Path(const Points& points) const {
    std::string path;
    bool drawing = false;
    for (size_t i = 0; i < points.x.size(); ++i) {
      const bool shown = Shown(points.x[i], points.y[i]);
      if (shown) {
        absl::StrAppendFormat(&path, "%s%.1f %.1f", drawing ? "L" : "M", AtX(points.x[i]),
                              AtY(points.y[i]));
        const bool alone =
            !drawing && (i + 1 == points.x.size() || !Shown(points.x[i + 1], points.y[i + 1]));
        if (alone) path += "h0";
      }
      drawing = shown;
    }
    return path;
  }

  // Beside the last point that is shown.
  std::string Labels() const {
    if (!direct_) return "";
    std::vector<Label> labels;
    for (const Series& series : plot_.series) {
      for (size_t i = series.faint ? 0 : series.x.size(); i-- > 0;) {
        if (!Shown(series.x[i], series.y[i])) continue;
        labels.push_back(LabelAt(series, i));
        break;
      }
    }
    Spread(labels, kHeight - kBottom + 4);
    std::string svg;
    for (const Label& label : labels) {
      const std::string classes =
          absl::StrCat("label t", label.style % kPlotStyles, label.ends_at_x ? " e" : "");
      svg += Text(label.x, label.y, classes.c_str(), label.text);
    }
    return svg;
  }

  // Of a line: at the right of the picture. Of a point: beside it, where there is room.
  Label LabelAt(const Series& series, size_t i) const {
    constexpr double kBeside = 7;
    const double at = series.line ? kWidth - right_ : AtX(series.x[i]);
    const bool left = at + kBeside + WidthOf(series.label) > kWidth;
    return {left ? at - kBeside : at + kBeside, AtY(series.y[i]) + 4, left, series.style,
            series.label};
  }

  const LinePlot& plot_;
  Range x_, y_;
  bool any_ = false, direct_ = false;
  double right_ = kRight;
};

std::string Picture(const std::string& title, const std::string& description, double height,
                    const std::string& content) {
  return absl::StrFormat(
      "<svg role=\"img\" viewBox=\"0 0 %g %g\" aria-label=\"%s\">\n<title>%s</title>\n"
      "<desc>%s</desc>\n%s</svg>\n",
      kWidth, height, EscapeHtml(title), EscapeHtml(title), EscapeHtml(description), content);
}

std::string Figure(const std::string& title, const std::string& content) {
  return absl::StrCat("<figure>\n<figcaption>", EscapeHtml(title), "</figcaption>\n", content,
                      "</figure>\n");
}

std::string Nothing(const std::string& text) {
  return absl::StrCat("<p class=\"none\">", EscapeHtml(text), "</p>\n");
}

std::string Legend(const LinePlot& plot) {
  std::string html = "<ul class=\"legend\">\n";
  for (const Series& series : plot.series) {
    if (series.faint) continue;
    absl::StrAppend(&html, "<li><svg class=\"key\" viewBox=\"0 0 30 12\" aria-hidden=\"true\">");
    if (series.line)
      absl::StrAppend(&html, "<path class=\"line ", Style(series.style, series.dash),
                      "\" d=\"M1 6H29\"/>");
    if (series.marks || series.dash > 0)
      absl::StrAppend(&html, "<path class=\"mark ", Style(series.style, 0), "\" d=\"",
                      MarkPath(15, 6, series.style), "\"/>");
    absl::StrAppend(&html, "</svg>", EscapeHtml(series.label), "</li>\n");
  }
  return html + "</ul>\n";
}

}  // namespace

std::string LinePlotFigure(const LinePlot& plot) {
  LinePicture picture(plot);
  if (!picture.any()) return Figure(plot.title, Nothing(plot.if_empty));
  return Figure(plot.title,
                absl::StrCat(Picture(plot.title, plot.description, kHeight, picture.Draw()),
                             picture.needs_legend() ? Legend(plot) : ""));
}

std::string BarPlotFigure(const BarPlot& plot) {
  if (plot.bars.empty()) return Figure(plot.title, Nothing("No data."));
  double longest = 0;
  for (const Bar& bar : plot.bars) longest = std::max(longest, bar.value);
  std::string svg;
  constexpr double kRow = 36, kThick = 14;
  for (size_t i = 0; i < plot.bars.size(); ++i) {
    const Bar& bar = plot.bars[i];
    const double top = kRow * static_cast<double>(i);
    const double width = longest > 0 ? (kWidth - 80) * bar.value / longest : 0;
    svg += Text(0, top + 12, absl::StrCat("label t", bar.style % kPlotStyles).c_str(), bar.label);
    absl::StrAppendFormat(&svg, "<path class=\"bar s%d\" d=\"M0 %.1fh%.1fv%.1fH0z\"/>\n",
                          bar.style % kPlotStyles, top + 16, std::max(1.0, width), kThick);
    svg += Text(std::max(1.0, width) + 6, top + 28, "tick", bar.shown);
  }
  return Figure(plot.title, Picture(plot.title, plot.description,
                                    kRow * static_cast<double>(plot.bars.size()), svg));
}

}  // namespace regroup
