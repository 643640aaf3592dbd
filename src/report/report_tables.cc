// Tables from what was gathered. The key of a column is what programs read: never renamed lightly.
#include "report/report_tables.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "report/json_fields.h"

namespace regroup {
namespace {

using Kind = Column::Kind;

// The run's column is in every file; in the page only where there are several.
Column RunColumn(const ReportData& data) {
  return {"run", "run", data.several() ? Kind::kText : Kind::kFilesOnly};
}

std::vector<Cell> SpeedRow(const ReportedRun& run, const ModelFindings& model, const Timing& timing,
                           double baseline) {
  return {Cell::Of(run.label),
          Cell::Of(model.label),
          Cell::Of(model.stage),
          Cell::Of(model.kv_heads),
          Cell::Of(timing.ms_per_sample, 2),
          Cell::Ratio(baseline / timing.ms_per_sample),
          Cell::Of(timing.encoder_ms, 1),
          Cell::Of(timing.step_ms, 2),
          Cell::Interval(timing.step_ms_p10, timing.step_ms_p90, 2),
          Cell::Of(timing.floor_step_ms, 2),
          Cell::Count(timing.tokens_per_second),
          Cell::Bytes(timing.kv_bytes),
          Cell::Count(model.kv_bytes_per_position),
          Cell::Count(model.parameters),
          Cell::Bytes(timing.peak_rss_bytes),
          Cell::Of(timing.bench),
          Cell::Count(timing.batch),
          Cell::Count(timing.source),
          Cell::Count(timing.target),
          Cell::Of(timing.precision)};
}

// The time against which a bench's speed-ups stand: that of the first model.
double Baseline(const Findings& findings, const std::string& bench) {
  for (const ModelFindings& model : findings.models) {
    for (const Timing& timing : model.timings) {
      if (timing.bench == bench) return timing.ms_per_sample;
    }
  }
  return kUnknown;
}

std::string StageOutcome(const StageRecord& stage) {
  const Json& best = FieldOf(stage.result, "best_step");
  const Json& early = FieldOf(stage.result, "stopped_early");
  std::string text;
  if (early.is_boolean() && early.get<bool>()) text = "stopped early";
  if (best.is_number())
    absl::StrAppend(&text, text.empty() ? "" : ", ", "best step ", DumpJson(best));
  return text;
}

}  // namespace

DataTable StagesTable(const ReportData& data) {
  DataTable table{"stages",
                  "Stages in the recipe's order. A stopped stage began and has not finished; a "
                  "failed one ended by an error.",
                  {RunColumn(data),
                   {"stage", "stage"},
                   {"kind", "kind"},
                   {"state", "state"},
                   {"seconds", "time", Kind::kNumber},
                   {"steps", "steps", Kind::kNumber},
                   {"note", "note"}},
                  {}};
  for (const ReportedRun& run : data.runs) {
    for (const StageRecord& stage : run.record.stages) {
      double steps = NumberOf(stage.result, "steps");
      if (std::isnan(steps) && !stage.log.steps.empty())
        steps = static_cast<double>(stage.log.steps.back().step);
      table.rows.push_back({Cell::Of(run.label), Cell::Of(stage.name), Cell::Of(stage.kind),
                            Cell::Of(StateName(stage.state)),
                            Cell::Seconds(stage.seconds.value_or(kUnknown)), Cell::Count(steps),
                            Cell::Of(StageOutcome(stage))});
    }
  }
  return table;
}

DataTable QualityTable(const ReportData& data) {
  DataTable table{"quality",
                  "Score: against the references, 0 to 100, with its 95 % interval. Shuffled: the "
                  "same outputs against the references of other rows, what knowing nothing of the "
                  "source is worth. Loss: nats per target token.",
                  {RunColumn(data),
                   {"model", "model"},
                   {"kv_heads", "K/V heads"},
                   {"task", "task"},
                   {"metric", "metric"},
                   {"score", "score", Kind::kNumber},
                   {"score_interval", "95 % interval", Kind::kInterval},
                   {"shuffled", "shuffled", Kind::kNumber},
                   {"shuffled_interval", "95 % interval", Kind::kInterval},
                   {"loss", "loss", Kind::kNumber},
                   {"rows", "rows", Kind::kNumber},
                   {"empty_outputs", "empty", Kind::kNumber},
                   {"at_length_limit", "cut", Kind::kNumber},
                   {"truncated_inputs", "cut inputs", Kind::kFilesOnly},
                   {"stage", "stage", Kind::kFilesOnly}},
                  {}};
  for (const ReportedRun& run : data.runs) {
    for (const ModelFindings& model : run.findings.models) {
      for (const TaskScore& score : model.scores) {
        table.rows.push_back({Cell::Of(run.label), Cell::Of(model.label), Cell::Of(model.kv_heads),
                              Cell::Of(TaskName(score)), Cell::Of(score.metric),
                              Cell::Of(score.value, 1), Cell::Interval(score.low, score.high, 1),
                              Cell::Of(score.shuffled, 1),
                              Cell::Interval(score.shuffled_low, score.shuffled_high, 1),
                              Cell::Of(score.loss, 3), Cell::Count(score.rows),
                              Cell::Count(score.empty_outputs), Cell::Count(score.at_length_limit),
                              Cell::Count(score.truncated_inputs), Cell::Of(score.stage)});
      }
    }
  }
  return table;
}

DataTable SpeedTable(const ReportData& data) {
  DataTable table{
      "speed",
      "Decoding. A sample is the encoder and all steps, divided by the batch; step: one "
      "generated token of the whole batch, its median and its 10th to 90th percentile; "
      "floor: what this machine's measured memory and arithmetic rates allow.",
      {RunColumn(data),
       {"model", "model"},
       {"stage", "stage"},
       {"kv_heads", "K/V heads"},
       {"ms_per_sample", "ms per sample", Kind::kNumber},
       {"speed_up", "speed-up", Kind::kNumber},
       {"encoder_ms", "encoder ms", Kind::kNumber},
       {"step_ms", "step ms", Kind::kNumber},
       {"step_ms_10_90", "10 to 90 %", Kind::kInterval},
       {"floor_step_ms", "floor ms", Kind::kNumber},
       {"tokens_per_second", "tokens/s", Kind::kNumber},
       {"kv_bytes", "K/V bytes", Kind::kNumber},
       {"kv_bytes_per_position", "K/V bytes per position", Kind::kNumber},
       {"parameters", "parameters", Kind::kNumber},
       {"peak_rss_bytes", "peak memory", Kind::kNumber},
       {"bench", "bench", Kind::kFilesOnly},
       {"batch", "batch", Kind::kFilesOnly},
       {"source", "source", Kind::kFilesOnly},
       {"target", "target", Kind::kFilesOnly},
       {"precision", "precision", Kind::kFilesOnly}},
      {}};
  for (const ReportedRun& run : data.runs) {
    for (const ModelFindings& model : run.findings.models) {
      for (const Timing& timing : model.timings)
        table.rows.push_back(SpeedRow(run, model, timing, Baseline(run.findings, timing.bench)));
    }
  }
  return table;
}

DataTable RecoveryTable(const ReportData& data) {
  DataTable table{
      "recovery",
      "Held-out span-corruption loss (nats per token) after a share alpha of the "
      "original steps; above the parent trained as long on the same batches, a mean over "
      "the stages, which differ in the order of the data alone, with the half width of "
      "its 95 % interval. Won back: the part of what merging cost that is regained; of "
      "the mean's gap: measured by what merging by the mean cost.",
      {RunColumn(data),
       {"model", "model"},
       {"stages", "stages"},
       {"alpha", "alpha", Kind::kNumber},
       {"step", "step", Kind::kNumber},
       {"loss", "loss", Kind::kNumber},
       {"above_parent", "above the parent", Kind::kNumber},
       {"half_width", "\xC2\xB1", Kind::kNumber},
       {"gap_closed", "won back", Kind::kNumber},
       {"of_mean_gap", "of the mean's gap", Kind::kNumber}},
      {}};
  for (const ReportedRun& run : data.runs) {
    for (const RecoveryWay& way : RecoveryWays(run.findings.recovery)) {
      for (const WayPoint& point : way.points) {
        table.rows.push_back(
            {Cell::Of(run.label),
             Cell::Of(way.parent ? absl::StrCat(way.label, ", not merged") : way.label),
             Cell::Of(absl::StrJoin(way.stages, ", ")), Cell::Percent(point.alpha),
             Cell::Count(point.step), Cell::Of(point.loss, 4), Cell::Of(point.above, 4),
             Cell::Of(point.half_width, 4), Cell::Percent(point.won_back),
             Cell::Percent(point.of_mean_gap)});
      }
    }
  }
  return table;
}

DataTable QualityAgainstTimeTable(const ReportData& data) {
  DataTable table{"quality_against_time",
                  "Plain mean of the tasks' scores against time per sample, of models that have "
                  "every task and were timed.",
                  {RunColumn(data),
                   {"model", "model"},
                   {"average", "average score", Kind::kNumber},
                   {"ms_per_sample", "ms per sample", Kind::kNumber},
                   {"bench", "bench"}},
                  {}};
  for (const ReportedRun& run : data.runs) {
    const std::vector<std::string> tasks = TasksOf(run.findings.models);
    for (const ModelFindings& model : run.findings.models) {
      const double average = AverageScore(model, tasks);
      for (const Timing& timing : model.timings) {
        if (!std::isfinite(average) || !std::isfinite(timing.ms_per_sample)) continue;
        table.rows.push_back({Cell::Of(run.label), Cell::Of(model.label), Cell::Of(average, 1),
                              Cell::Of(timing.ms_per_sample, 2), Cell::Of(timing.bench)});
      }
    }
  }
  return table;
}

std::vector<DataTable> AllTables(const ReportData& data) {
  return {StagesTable(data),
          QualityTable(data),
          SpeedTable(data),
          RecoveryTable(data),
          QualityAgainstTimeTable(data),
          TrainingTable(data),
          ValidationsTable(data),
          ExamplesTable(data),
          SkippedTable(data),
          MissingTable(data),
          PaperTable(),
          PaperRecoveryTable()};
}

}  // namespace regroup
