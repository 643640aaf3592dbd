// Curves of training, grouped so that what a person compares shares a picture.
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "report/heads.h"
#include "report/json_fields.h"
#include "report/plot.h"
#include "report/plot_scale.h"
#include "report/report_plots.h"

namespace regroup {
namespace {

// A line of a group: one stage of one run.
struct Curve {
  const StageRecord* stage;
  std::string label;
  int style = 0, dash = 0;
};

struct Group {
  std::string kind, task, title;
  std::vector<Curve> curves;
};

std::string GroupTitle(const StageRecord& stage) {
  if (stage.kind == "pretrain") return "Pre-training";
  if (stage.kind == "uptrain") return "Uptraining";
  if (stage.kind == "finetune")
    return absl::StrCat("Fine-tuning on ", TextOf(stage.config, "task"));
  return stage.kind.empty() ? "Training" : stage.kind;
}

// The label under which the tables know the model that a stage trains, else that of its heads.
std::string ModelLabel(const ReportedRun& run, const StageRecord& stage) {
  const std::string base = BaseModel(run.record, stage.name);
  for (const ModelFindings& model : run.findings.models) {
    if (model.stage == base) return model.label;
  }
  const std::string heads = HeadsOfModel(run.record, base).label;
  return heads.empty() ? base : heads;
}

std::vector<Group> GroupsOf(const ReportData& data) {
  std::vector<Group> groups;
  for (size_t i = 0; i < data.runs.size(); ++i) {
    const ReportedRun& run = data.runs[i];
    for (const StageRecord& stage : run.record.stages) {
      if (stage.log.steps.empty() && stage.log.validations.empty()) continue;
      const std::string task = TextOf(stage.config, "task");
      auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& one) {
        return one.kind == stage.kind && one.task == task;
      });
      if (group == groups.end())
        group = groups.insert(groups.end(), {stage.kind, task, GroupTitle(stage), {}});
      group->curves.push_back({&stage, ModelLabel(run, stage), 0, static_cast<int>(i)});
    }
  }
  return groups;
}

// Two stages that would bear one label are told apart by their names, runs by theirs.
void Label(const ReportData& data, Group& group, ModelStyles& styles) {
  std::map<std::pair<std::string, int>, int> count;
  for (const Curve& curve : group.curves) ++count[{curve.label, curve.dash}];
  for (Curve& curve : group.curves) {
    if (count[{curve.label, curve.dash}] > 1) absl::StrAppend(&curve.label, " ", curve.stage->name);
    curve.style = styles.Of(curve.label);
    curve.label = data.Named(data.runs[static_cast<size_t>(curve.dash)], curve.label);
  }
}

using StepValue = std::function<double(const LoggedStep&)>;

Points PointsOf(const StageRecord& stage, const StepValue& value) {
  Points points;
  for (const LoggedStep& step : stage.log.steps) {
    points.x.push_back(static_cast<double>(step.step));
    points.y.push_back(value(step));
  }
  return points;
}

std::string LossFigure(const Group& group) {
  LinePlot plot;
  plot.title = absl::StrCat(group.title, ": training loss");
  plot.x_title = "step";
  plot.y_title = "loss, nats per token";
  std::vector<Series> smooth;
  for (const Curve& curve : group.curves) {
    const Points raw = PointsOf(*curve.stage, [](const LoggedStep& step) { return step.loss; });
    constexpr size_t kEnoughToSmooth = 20;
    const bool enough = raw.y.size() >= kEnoughToSmooth;
    const size_t window = raw.y.size() / 10;
    if (enough)
      plot.series.push_back({"", raw.x, raw.y, curve.style, curve.dash, true, false, true});
    smooth.push_back({curve.label, raw.x, enough ? Smooth(raw.y, window) : raw.y, curve.style,
                      curve.dash, true, raw.y.size() < 10});
  }
  plot.series.insert(plot.series.end(), smooth.begin(), smooth.end());
  plot.description =
      absl::StrCat("Training loss against optimizer steps of ", group.curves.size(), " stages.");
  return LinePlotFigure(plot);
}

std::string ValidationFigure(const Group& group, const std::string& name) {
  LinePlot plot;
  plot.title = absl::StrCat(group.title, ": validation ", name);
  plot.description = absl::StrCat("Validation ", name, " against optimizer steps.");
  plot.x_title = "step";
  plot.y_title = name;
  for (const Curve& curve : group.curves) {
    Series series{curve.label, {}, {}, curve.style, curve.dash, true, true};
    for (const LoggedValidation& logged : curve.stage->log.validations) {
      const auto value = logged.values.find(name);
      if (value == logged.values.end()) continue;
      series.x.push_back(static_cast<double>(logged.step));
      series.y.push_back(value->second);
    }
    if (!series.x.empty()) plot.series.push_back(std::move(series));
  }
  return LinePlotFigure(plot);
}

std::string StepFigure(const Group& group, const std::string& title, const std::string& y_title,
                       const StepValue& value) {
  LinePlot plot;
  plot.title = absl::StrCat(group.title, ": ", title);
  plot.description = absl::StrCat(title, " against optimizer steps.");
  plot.x_title = "step";
  plot.y_title = y_title;
  double low = INFINITY, high = 0;
  for (const Curve& curve : group.curves) {
    const Points points = PointsOf(*curve.stage, value);
    for (const double y : points.y) {
      if (!(y > 0)) continue;
      low = std::min(low, y);
      high = std::max(high, y);
    }
    plot.series.push_back({curve.label, points.x, points.y, curve.style, curve.dash});
  }
  constexpr double kWide = 30;  // a spike would flatten everything else
  plot.y_log = high > kWide * low;
  return LinePlotFigure(plot);
}

std::vector<std::string> StepFigures(const Group& group) {
  return {StepFigure(group, "learning rate", "learning rate",
                     [](const LoggedStep& step) { return step.learning_rate; }),
          StepFigure(group, "gradient norm", "norm before clipping",
                     [](const LoggedStep& step) { return step.gradient_norm; }),
          StepFigure(group, "speed", "tokens per second",
                     [](const LoggedStep& step) { return step.tokens_per_second; })};
}

std::set<std::string> ValidationNames(const Group& group) {
  std::set<std::string> names;
  for (const Curve& curve : group.curves) {
    for (const LoggedValidation& logged : curve.stage->log.validations) {
      for (const auto& [name, value] : logged.values) names.insert(name);
    }
  }
  return names;
}

// A task has many metrics: all but its first one and the loss are folded away.
bool IsMinor(const Group& group, const std::string& name) {
  const std::string headline = HeadlineMetric(*group.curves[0].stage);
  return !headline.empty() && name != headline && name != "loss";
}

}  // namespace

int ModelStyles::Of(const std::string& label) {
  const int next = static_cast<int>(styles_.size()) % kPlotStyles;
  return styles_.try_emplace(label, next).first->second;
}

std::vector<CurveGroup> TrainingCurves(const ReportData& data, ModelStyles& styles) {
  std::vector<CurveGroup> made;
  for (Group& group : GroupsOf(data)) {
    Label(data, group, styles);
    CurveGroup& figures = made.emplace_back(CurveGroup{group.title, {LossFigure(group)}, {}});
    for (const std::string& name : ValidationNames(group))
      (IsMinor(group, name) ? figures.others : figures.figures)
          .push_back(ValidationFigure(group, name));
    for (std::string& figure : StepFigures(group)) figures.others.push_back(std::move(figure));
  }
  return made;
}

}  // namespace regroup
