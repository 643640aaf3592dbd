// Sorted once, when the numbers are asked for.
#include "pipeline/length_counts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/log.h"

namespace regroup {
namespace {

constexpr int kBarWidth = 36;

// Upper ends of the bins: powers of two from 8 until `longest` is inside, and the limit.
std::vector<int64_t> BinEnds(int64_t longest, int64_t limit) {
  std::vector<int64_t> ends;
  for (int64_t end = 8;; end *= 2) {
    ends.push_back(end);
    if (end >= longest) break;
  }
  if (limit > 0 && limit < ends.back()) ends.push_back(limit);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  return ends;
}

std::string Count(const Json& number) { return FormatCount(number.get<int64_t>()); }

std::string Bar(int64_t rows, int64_t most) {
  const auto cells = static_cast<size_t>(std::ceil(
      static_cast<double>(kBarWidth * rows) / static_cast<double>(std::max<int64_t>(1, most))));
  return std::string(cells, '#') + std::string(kBarWidth - cells, ' ');
}

std::string LimitLine(const Json& counts) {
  const auto over = counts["over"].get<int64_t>(), rows = counts["rows"].get<int64_t>();
  const std::string limit = Count(counts["limit"]);
  if (over == 0) return absl::StrCat("    ---- limit ", limit, ": no row is longer\n");
  return absl::StrFormat("    ---- limit %s: %s rows (%.2g %%) are longer and would be cut\n",
                         limit, FormatCount(over),
                         100 * static_cast<double>(over) / static_cast<double>(rows));
}

}  // namespace

Json LengthCounts::ToJson(int64_t limit) const {
  std::vector<int64_t> sorted = lengths_;
  std::sort(sorted.begin(), sorted.end());
  const auto rank = [&](double share) {
    const auto at = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::min(sorted.size(), std::max<size_t>(at, 1)) - 1];
  };
  const int64_t total = std::accumulate(sorted.begin(), sorted.end(), int64_t{0});
  Json json = {{"rows", size()}, {"total", total}};
  if (sorted.empty()) return json;
  json["mean"] = static_cast<double>(total) / static_cast<double>(size());
  json["p50"] = rank(0.5);
  json["p90"] = rank(0.9);
  json["p99"] = rank(0.99);
  json["longest"] = sorted.back();
  const auto over = [&](int64_t length) {
    return sorted.end() - std::upper_bound(sorted.begin(), sorted.end(), length);
  };
  json["limit"] = limit > 0 ? Json(limit) : Json();
  json["over"] = limit > 0 ? over(limit) : 0;
  json["histogram"] = Json::array();
  int64_t from = 0;
  for (const int64_t to : BinEnds(sorted.back(), limit)) {
    json["histogram"].push_back({{"from", from}, {"to", to}, {"rows", over(from - 1) - over(to)}});
    from = to + 1;
  }
  return json;
}

std::string LengthText(const std::string& name, const Json& counts, const std::string& unit) {
  if (!counts.contains("histogram")) return absl::StrCat("  ", name, ": in no row\n");
  std::string text = absl::StrFormat(
      "  %s: %s rows, %s %s; mean %.1f, half up to %s, 90 %% up to %s, 99 %% up to %s, longest "
      "%s\n",
      name, Count(counts["rows"]), Count(counts["total"]), unit, counts["mean"].get<double>(),
      Count(counts["p50"]), Count(counts["p90"]), Count(counts["p99"]), Count(counts["longest"]));
  int64_t most = 0;
  for (const Json& bin : counts["histogram"]) most = std::max(most, bin["rows"].get<int64_t>());
  bool begun = false, marked = counts["limit"].is_null();
  for (const Json& bin : counts["histogram"]) {
    begun = begun || bin["rows"] != 0;
    if (begun) {
      const std::string range = absl::StrCat(Count(bin["from"]), "-", Count(bin["to"]));
      absl::StrAppend(
          &text, absl::StrFormat("    %15s  %s  %s\n", range, Bar(bin["rows"].get<int64_t>(), most),
                                 Count(bin["rows"])));
    }
    if (bin["to"] != counts["limit"]) continue;
    text += LimitLine(counts);
    marked = true;
  }
  return marked ? text : text + LimitLine(counts);
}

}  // namespace regroup
