// Curves are put together by `way`; references are looked for by batches and teaching.
#include "report/recovery.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "report/json_fields.h"

namespace regroup {
namespace {

// Half the width of the 95 % interval of a mean; NaN for fewer than two values.
double HalfWidth(const std::vector<double>& values) {
  // Student's t at 97.5 % for 1, 2, ... degrees of freedom; beyond them 2.2 is wide enough.
  constexpr std::array<double, 10> kT = {12.706, 4.303, 3.182, 2.776, 2.571,
                                         2.447,  2.365, 2.306, 2.262, 2.228};
  const auto n = static_cast<double>(values.size());
  if (values.size() < 2) return kUnknown;
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double t = values.size() - 2 < kT.size() ? kT[values.size() - 2] : 2.2;
  return t * std::sqrt(squares / (n - 1) / n);
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? kUnknown : sum / static_cast<double>(values.size());
}

const RecoveryCurve* ParentOf(const std::vector<RecoveryCurve>& curves,
                              const RecoveryCurve& curve) {
  const auto found = std::ranges::find_if(curves, [&](const RecoveryCurve& one) {
    return one.parent && one.from == curve.root && one.batches == curve.batches &&
           one.teaching == curve.teaching;
  });
  return found == curves.end() ? nullptr : &*found;
}

WayPoint PointOf(const std::vector<RecoveryCurve>& all, const std::vector<RecoveryCurve>& way,
                 const RecoveryPoint& at) {
  WayPoint point;
  point.alpha = at.alpha;
  point.step = at.step;
  std::vector<double> losses, above;
  for (const RecoveryCurve& curve : way) {
    const double loss = LossAt(curve, at.alpha);
    if (std::isnan(loss)) continue;
    losses.push_back(loss);
    const RecoveryCurve* parent = curve.parent ? nullptr : ParentOf(all, curve);
    const double reference = parent == nullptr ? kUnknown : LossAt(*parent, at.alpha);
    if (!std::isnan(reference)) above.push_back(loss - reference);
  }
  point.loss = Mean(losses);
  point.above = above.size() == losses.size() ? Mean(above) : kUnknown;
  point.half_width = above.size() == losses.size() ? HalfWidth(above) : kUnknown;
  return point;
}

double AboveAtStart(const RecoveryWay& way) {
  return !way.points.empty() && way.points[0].alpha == 0 ? way.points[0].above : kUnknown;
}

double WonBack(double above, double gap) { return gap > 0 ? 1 - above / gap : kUnknown; }

std::string Text(const Json& json, const char* key) { return DumpJson(FieldOf(json, key)); }

}  // namespace

RecoveryCurve MakeRecoveryCurve(const std::string& stage, const std::string& label,
                                const Json& config, const std::string& source_kind,
                                const Json& source_config, const Json& recovery) {
  RecoveryCurve curve;
  curve.stage = stage;
  curve.label = label.empty() ? stage : label;
  curve.from = TextOf(config, "from");
  curve.parent = curve.label == "MHA" && source_kind != "convert";
  curve.root = curve.from;
  if (source_kind == "convert") {
    curve.root = TextOf(source_config, "from");
    curve.method = TextOf(source_config, "method");
  }
  curve.batches = absl::StrCat(Text(config, "data_seed"), Text(config, "data"),
                               Text(FieldOf(config, "batch"), "examples"));
  Json teaching = FieldOf(config, "distillation");
  if (teaching.is_object()) {
    teaching.erase("teacher");
    curve.teaching = DumpJson(teaching);
  }
  Json way = config.is_object() ? config : Json::object();
  way.erase("data_seed");
  curve.way = DumpJson(way);
  for (const Json& point : recovery.is_array() ? recovery : Json::array())
    curve.points.push_back(
        {NumberOf(point, "alpha"), NumberOf(point, "step"), NumberOf(point, "loss")});
  return curve;
}

double LossAt(const RecoveryCurve& curve, double alpha) {
  for (const RecoveryPoint& point : curve.points) {
    if (std::fabs(point.alpha - alpha) < 1e-9) return point.loss;
  }
  return kUnknown;
}

std::vector<RecoveryWay> RecoveryWays(const std::vector<RecoveryCurve>& curves) {
  std::vector<std::vector<RecoveryCurve>> groups;
  for (const RecoveryCurve& curve : curves) {
    const auto same = std::ranges::find_if(
        groups, [&](const auto& group) { return group.front().way == curve.way; });
    same == groups.end() ? groups.push_back({curve}) : same->push_back(curve);
  }
  std::map<std::string, int> labels, sources;  // how many ways have one
  for (const auto& group : groups) {
    ++labels[group.front().label];
    ++sources[group.front().from];
  }
  std::vector<RecoveryWay> ways;
  std::map<std::string, double> mean_gap;  // by root and label
  const auto gap_key = [](const RecoveryCurve& curve) { return curve.root + "\n" + curve.label; };
  for (const auto& group : groups) {
    const RecoveryCurve& first = group.front();
    RecoveryWay way{first.label, {}, first.parent, {}};
    if (labels[first.label] > 1)
      absl::StrAppend(&way.label, " ", sources[first.from] > 1 ? first.stage : first.from);
    for (const RecoveryCurve& curve : group) way.stages.push_back(curve.stage);
    for (const RecoveryPoint& at : first.points) way.points.push_back(PointOf(curves, group, at));
    const double gap = AboveAtStart(way);
    if (first.method == "mean" && first.teaching.empty() && !std::isnan(gap))
      mean_gap.emplace(gap_key(first), gap);
    ways.push_back(std::move(way));
  }
  for (size_t i = 0; i < ways.size(); ++i) {
    const auto gap = mean_gap.find(gap_key(groups[i].front()));
    for (WayPoint& point : ways[i].points) {
      point.won_back = WonBack(point.above, AboveAtStart(ways[i]));
      point.of_mean_gap = WonBack(point.above, gap == mean_gap.end() ? kUnknown : gap->second);
    }
  }
  return ways;
}

Json RecoveryWaysJson(const std::vector<RecoveryWay>& ways) {
  Json json = Json::array();
  for (const RecoveryWay& way : ways) {
    Json points = Json::array();
    for (const WayPoint& point : way.points)
      points.push_back({{"alpha", point.alpha},
                        {"step", point.step},
                        {"loss", NumberToJson(point.loss)},
                        {"above_parent", NumberToJson(point.above)},
                        {"half_width", NumberToJson(point.half_width)},
                        {"won_back", NumberToJson(point.won_back)},
                        {"of_mean_gap", NumberToJson(point.of_mean_gap)}});
    json.push_back({{"label", way.label},
                    {"stages", way.stages},
                    {"parent", way.parent},
                    {"points", std::move(points)}});
  }
  return json;
}

}  // namespace regroup
