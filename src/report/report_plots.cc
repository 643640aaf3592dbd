// Plots of what was found: recovery, quality against time, cache bytes; the paper's beside them.
#include "report/report_plots.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/log.h"
#include "report/paper.h"
#include "report/plot.h"
#include "report/report_tables.h"

namespace regroup {
namespace {

std::string PaperRecoveryFigure() {
  LinePlot plot;
  plot.title = "The paper: score against \xCE\xB1 (Figure 5, T5-XXL, read off the plot)";
  plot.description =
      "Mean task score of T5-XXL in the paper. MHA 57.54 throughout; GQA-8 56.72, 57.41, 57.57 and "
      "MQA 53.94, 56.93, 57.16 at alpha 0, 5 and 10 per cent.";
  plot.x_title = "\xCE\xB1, share of the original steps";
  plot.y_title = "mean of CNN R1, MultiNews R1, TriviaQA F1 \xE2\x80\x93 higher is better";
  plot.x_percent = true;
  for (size_t i = 0; i < kPaperFigure5.size(); ++i) {
    const PaperRecovery& curve = kPaperFigure5[i];
    plot.series.push_back({curve.name,
                           {kPaperAlphas.begin(), kPaperAlphas.end()},
                           {curve.score.begin(), curve.score.end()},
                           static_cast<int>(i),
                           i == 0 ? 1 : 0,
                           true,
                           true});
  }
  return LinePlotFigure(plot);
}

std::string PaperTimeFigure() {
  LinePlot plot;
  plot.title = "The paper: quality against time (Figure 3, numbers of Table 1)";
  plot.description =
      "Average score and seconds per sample in the paper: MHA-XXL 47.2 in 1.51 s, GQA-8-XXL 47.1 "
      "in "
      "0.28 s, MQA-XXL 46.6 in 0.24 s, MHA-Large 46.0 in 0.37 s.";
  plot.x_title = "seconds per sample, TPUv4";
  plot.y_title = "average score \xE2\x80\x93 higher and further left is better";
  plot.x_from_zero = true;
  for (size_t i = 0; i < kPaperTable1.size(); ++i) {
    const PaperModel& model = kPaperTable1[i];
    plot.series.push_back({model.name,
                           {model.seconds_per_sample},
                           {model.average},
                           static_cast<int>(i),
                           0,
                           false,
                           true});
  }
  return LinePlotFigure(plot);
}

std::string BenchSetting(const Timing& timing) {
  return absl::StrFormat("batch %.0f, %.0f source tokens, %.0f generated tokens, %s", timing.batch,
                         timing.source, timing.target, timing.precision);
}

}  // namespace

std::vector<std::string> RecoveryFigures(const ReportData& data, ModelStyles& styles) {
  LinePlot plot;
  plot.title = "This report: held-out loss against \xCE\xB1";
  plot.description = "Held-out span-corruption loss after a share alpha of the original steps.";
  plot.x_title = "\xCE\xB1, share of the original steps";
  plot.y_title = "held-out loss, nats per token \xE2\x80\x93 lower is better";
  plot.x_percent = true;
  for (size_t i = 0; i < data.runs.size(); ++i) {
    const ReportedRun& run = data.runs[i];
    for (const RecoveryWay& way : RecoveryWays(run.findings.recovery)) {
      Series series{data.Named(run, way.label),
                    {},
                    {},
                    styles.Of(way.label),
                    way.parent && !data.several() ? 1 : static_cast<int>(i),
                    true,
                    true};
      for (const WayPoint& point : way.points) {
        series.x.push_back(point.alpha);
        series.y.push_back(point.loss);
        absl::StrAppendFormat(&plot.description, " %s at %g %%: %.4f.", series.label,
                              100 * point.alpha, point.loss);
      }
      plot.series.push_back(std::move(series));
    }
  }
  return {LinePlotFigure(plot), PaperRecoveryFigure()};
}

std::vector<std::string> QualityTimeFigures(const ReportData& data, ModelStyles& styles) {
  LinePlot plot;
  plot.title = "This report: quality against time";
  plot.description = "Mean score of each model against its time per sample.";
  plot.if_empty = "No model has a score for every task and a timing.";
  plot.x_title = "milliseconds per sample";
  plot.y_title = "mean score \xE2\x80\x93 higher and further left is better";
  plot.x_from_zero = true;
  for (const ReportedRun& run : data.runs) {
    const std::vector<std::string> tasks = TasksOf(run.findings.models);
    for (const ModelFindings& model : run.findings.models) {
      const double average = AverageScore(model, tasks);
      if (model.timings.empty() || !std::isfinite(average)) continue;
      const double ms = model.timings[0].ms_per_sample;
      plot.series.push_back(
          {data.Named(run, model.label), {ms}, {average}, styles.Of(model.label), 0, false, true});
      absl::StrAppendFormat(&plot.description, " %s: %.1f in %.2f ms.", model.label, average, ms);
    }
  }
  return {LinePlotFigure(plot), PaperTimeFigure()};
}

std::vector<std::string> CacheFigures(const ReportData& data, ModelStyles& styles) {
  std::map<std::string, BarPlot> plots;  // by the run's bench
  std::vector<std::string> order;
  for (const ReportedRun& run : data.runs) {
    for (const ModelFindings& model : run.findings.models) {
      for (const Timing& timing : model.timings) {
        if (!std::isfinite(timing.kv_bytes)) continue;
        const std::string bench = data.Named(run, timing.bench);
        if (!plots.contains(bench)) order.push_back(bench);
        BarPlot& plot = plots[bench];
        plot.title = absl::StrCat("K/V caches of ", bench, " (", BenchSetting(timing), ")");
        plot.bars.push_back(
            {model.label, FormatBytes(timing.kv_bytes), timing.kv_bytes, styles.Of(model.label)});
        absl::StrAppend(&plot.description, model.label, " ", FormatBytes(timing.kv_bytes), ". ");
      }
    }
  }
  std::vector<std::string> figures;
  for (const std::string& bench : order) figures.push_back(BarPlotFigure(plots[bench]));
  return figures;
}

}  // namespace regroup
