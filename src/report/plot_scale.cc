// Ticks, smoothing and thinning: see plot_scale.h.
#include "report/plot_scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/log.h"

namespace regroup {
namespace {

// The nearest of 1, 2, 5, 10 (by ratio) times a power of ten.
double NiceStep(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  const double rest = step / power;
  return power * (rest < 1.4142 ? 1 : rest < 3.1623 ? 2 : rest < 7.0711 ? 5 : 10);
}

// Indices of the points of one column that shape the line.
std::vector<size_t> Shaping(const Points& points, size_t begin, size_t end) {
  size_t low = begin, high = begin;
  for (size_t i = begin; i < end; ++i) {
    if (!std::isfinite(points.y[i])) return {begin, i, end - 1};  // a gap must stay visible
    if (points.y[i] < points.y[low]) low = i;
    if (points.y[i] > points.y[high]) high = i;
  }
  return {begin, std::min(low, high), std::max(low, high), end - 1};
}

}  // namespace

std::vector<double> NiceTicks(double low, double high, int count) {
  if (!(high > low)) return {low};
  const double step = NiceStep((high - low) / std::max(1, count));
  const double slack = 1e-9 * (high - low);
  const double first = std::ceil((low - slack) / step);
  std::vector<double> ticks;
  for (int i = 0; i <= 4 * count; ++i) {  // bounded: in large numbers a step may change nothing
    const double tick = (first + i) * step;
    if (tick > high + slack) break;
    ticks.push_back(tick == 0 ? 0 : tick);  // not -0
  }
  return ticks;
}

std::vector<double> LogTicks(double low, double high) {
  constexpr int kMostTicks = 7;
  const int first = static_cast<int>(std::floor(std::log10(low)));
  const int last =
      static_cast<int>(std::floor(std::log10(std::min(high, std::numeric_limits<double>::max()))));
  const bool few = last - first < 3;
  const int stride = 1 + (last - first) / kMostTicks;
  std::vector<double> ticks;
  for (int power = first; power <= last; power += stride) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, power);
      if ((few || factor == 1) && tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9))
        ticks.push_back(tick);
    }
  }
  return ticks;
}

std::string TickText(double tick, double step) {
  const double size = std::fabs(tick);
  if (size >= 1e4 && step >= 1000) {
    const bool millions = size >= 1e6 && step >= 1e5;
    return absl::StrFormat("%g%s", tick / (millions ? 1e6 : 1e3), millions ? "M" : "k");
  }
  if (size != 0 && size < 1e-4) return absl::StrFormat("%.0e", tick);
  const int digits = step >= 1 ? 0 : static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  if (digits == 0) return FormatCount(std::llround(tick));
  return absl::StrFormat("%.*f", std::min(digits, 6), tick);
}

std::vector<double> Smooth(const std::vector<double>& y, size_t window) {
  std::vector<double> sums = {0};  // of the finite values before each place, and how many they are
  std::vector<size_t> counts = {0};
  for (const double value : y) {
    const bool finite = std::isfinite(value);
    sums.push_back(sums.back() + (finite ? value : 0));
    counts.push_back(counts.back() + (finite ? 1 : 0));
  }
  std::vector<double> smooth;
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t reach = std::min({window / 2, i, y.size() - 1 - i});
    const size_t begin = i - reach, end = i + reach + 1;
    const auto count = static_cast<double>(counts[end] - counts[begin]);
    smooth.push_back(std::isfinite(y[i]) ? (sums[end] - sums[begin]) / count : y[i]);
  }
  return smooth;
}

Points Thin(const Points& points, size_t columns) {
  const size_t size = points.x.size();
  if (size <= 4 * columns) return points;
  const Range range = RangeOf(points.x, 0);
  const auto column = [&](size_t i) {
    const double share = range.Share(points.x[i]);
    return std::isfinite(share) ? static_cast<size_t>(share * static_cast<double>(columns)) : 0;
  };
  Points thin;
  for (size_t begin = 0, end = 0; begin < size; begin = end) {
    while (end < size && column(end) == column(begin)) ++end;
    const std::vector<size_t> kept = Shaping(points, begin, end);
    for (size_t i = 0; i < kept.size(); ++i) {
      if (i > 0 && kept[i] == kept[i - 1]) continue;
      thin.x.push_back(points.x[kept[i]]);
      thin.y.push_back(points.y[kept[i]]);
    }
  }
  return thin;
}

Range RangeOf(const std::vector<double>& values, double margin) {
  Range range{INFINITY, -INFINITY};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
  if (!(range.low <= range.high)) return {};
  const double width = range.high - range.low;
  const double around = range.low == 0 ? 1 : std::fabs(range.low) / 10;
  const double added = width > 0 ? margin * width : around;
  return {range.low - added, range.high + added};
}

}  // namespace regroup
