// Lines of the screen of `watch`, from the top: header, stages, the current stage, curves, log.
#include "report/watch_view.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/log.h"
#include "report/findings.h"
#include "report/json_fields.h"
#include "report/printable.h"
#include "report/terminal_plot.h"

namespace regroup {
namespace {

constexpr size_t kPlotRows = 8, kLeastPlotRows = 3, kLeastColumns = 40;
constexpr size_t kLogLines = 5, kLeastLogLines = 2;

bool HasLog(const StageRecord& stage) {
  return stage.kind == "pretrain" || stage.kind == "uptrain" || stage.kind == "finetune";
}

bool IsCutShort(const StageRecord& stage) {
  return stage.state == StageState::kStopped || stage.state == StageState::kFailed;
}

size_t CountOf(const RunRecord& run, StageState state) {
  return static_cast<size_t>(
      std::count_if(run.stages.begin(), run.stages.end(),
                    [&](const StageRecord& stage) { return stage.state == state; }));
}

std::string Header(const RunRecord& run) {
  return absl::StrCat(OneLine(run.name), "   ", CountOf(run, StageState::kDone), " of ",
                      run.stages.size(), " stages done   ", OneLine(run.path));
}

std::string LifeLine(const RunRecord& run) {
  const std::string since = run.begun.empty() ? "" : absl::StrCat(", begun ", run.begun);
  if (run.process.has_value())
    return absl::StrCat("running: process ", *run.process, since, ", last logged ", run.last_sign);
  const std::string last =
      run.last_sign.empty() ? "" : absl::StrCat(", last logged ", run.last_sign);
  const bool all = CountOf(run, StageState::kDone) == run.stages.size();
  if (all)
    return absl::StrCat("every stage is done; tables: report ", OneLine(run.path), since, last);
  return absl::StrCat("not running: no process on this machine works in this folder", last,
                      "; the same `regroup run` goes on with it");
}

std::string StageLine(const StageRecord& stage) {
  const std::string time =
      stage.seconds.has_value() ? absl::StrCat("  ", FormatDuration(*stage.seconds)) : "";
  const char* mark = stage.state == StageState::kDone      ? "\xE2\x9C\x93"
                     : stage.state == StageState::kRunning ? "\xE2\x96\xB6"
                     : IsCutShort(stage)                   ? "!"
                                                           : "\xC2\xB7";
  return absl::StrFormat("%s %-8s %s%s%s", mark, StateName(stage.state), OneLine(stage.name),
                         stage.kind.empty() ? "" : absl::StrCat(" (", OneLine(stage.kind), ")"),
                         time);
}

// One line per state, where there is no room for one per stage.
std::vector<std::string> GroupedStages(const RunRecord& run) {
  std::vector<std::string> lines;
  for (const StageState state : {StageState::kDone, StageState::kStopped, StageState::kFailed,
                                 StageState::kRunning, StageState::kWaiting}) {
    std::vector<std::string> names;
    for (const StageRecord& stage : run.stages) {
      if (stage.state == state) names.push_back(OneLine(stage.name));
    }
    if (names.empty()) continue;
    if (state == StageState::kDone) std::reverse(names.begin(), names.end());  // newest first
    lines.push_back(absl::StrFormat("%-8s %3d  %s", StateName(state), names.size(),
                                    absl::StrJoin(names, ", ")));
  }
  return lines;
}

std::string BarOf(double share, size_t width) {
  const auto full =
      static_cast<size_t>(std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(width)));
  std::string bar;
  for (size_t i = 0; i < width; ++i) bar += i < full ? "\xE2\x96\x88" : "\xE2\x96\x91";
  return bar;
}

int64_t StepsOf(const StageRecord& stage) {
  if (stage.log.total_steps > 0) return stage.log.total_steps;
  const double steps = NumberOf(stage.result, "steps");
  const double configured = std::isnan(steps) ? NumberOf(stage.config, "steps") : steps;
  return configured > 0 ? static_cast<int64_t>(configured) : 0;
}

std::string ProgressLine(const StageRecord& stage) {
  const int64_t step = stage.log.steps.empty() ? 0 : stage.log.steps.back().step;
  const int64_t steps = StepsOf(stage);
  const double rate = StepsPerSecond(stage.log);
  std::string line;
  if (steps > 0) {
    const double share = static_cast<double>(step) / static_cast<double>(steps);
    line = absl::StrFormat("%s %.0f %%  step %s/%s", BarOf(share, 24), 100 * share,
                           FormatCount(step), FormatCount(steps));
  } else {
    line = absl::StrCat("step ", FormatCount(step));
  }
  if (rate > 0) {
    absl::StrAppend(&line, "  ",
                    rate >= 1 ? absl::StrFormat("%.1f steps/s", rate)
                              : absl::StrFormat("%.1f s/step", 1 / rate));
    if (stage.state == StageState::kRunning && steps > step) {
      absl::StrAppend(&line, "  ETA ", FormatDuration(static_cast<double>(steps - step) / rate));
    }
  }
  return line;
}

std::string NumbersLine(const StageRecord& stage, double now) {
  if (stage.log.steps.empty()) return "no step is logged yet";
  const LoggedStep& last = stage.log.steps.back();
  std::vector<std::string> parts;
  const auto add = [&](double value, const std::string& text) {
    if (std::isfinite(value)) parts.push_back(text);
  };
  add(0, absl::StrFormat("loss %.4f", last.loss));
  add(last.learning_rate, absl::StrFormat("lr %.3g", last.learning_rate));
  add(last.gradient_norm, absl::StrFormat("gradient norm %.3g", last.gradient_norm));
  if (std::isfinite(last.tokens_per_second))
    parts.push_back(absl::StrCat(FormatCount(std::llround(last.tokens_per_second)), " tokens/s"));
  add(last.memory_bytes, absl::StrCat("memory ", FormatBytes(last.memory_bytes)));
  add(last.data_wait_seconds, absl::StrFormat("data wait %.0f ms", 1000 * last.data_wait_seconds));
  const double ago = now - last.time;
  if (stage.state == StageState::kRunning && ago >= 0)
    parts.push_back(absl::StrCat(FormatDuration(ago), " ago"));
  return absl::StrJoin(parts, "  ");
}

std::string ValidationLine(const StageRecord& stage) {
  if (stage.log.validations.empty()) return "";
  const LoggedValidation& last = stage.log.validations.back();
  std::string line = absl::StrCat("validation at step ", FormatCount(last.step), ": ");
  std::vector<std::string> values;
  for (const auto& [name, value] : last.values)
    values.push_back(absl::StrFormat("%s %.4g", OneLine(name), value));
  return absl::StrCat(line, absl::StrJoin(values, ", "));
}

Points LossPoints(const TrainingLog& log) {
  Points points;
  for (const LoggedStep& step : log.steps) {
    points.x.push_back(static_cast<double>(step.step));
    points.y.push_back(step.loss);
  }
  return points;
}

Points ValidationPoints(const TrainingLog& log, const std::string& name) {
  Points points;
  for (const LoggedValidation& logged : log.validations) {
    const auto value = logged.values.find(name);
    if (value == logged.values.end()) continue;
    points.x.push_back(static_cast<double>(logged.step));
    points.y.push_back(value->second);
  }
  return points;
}

// The task's own metric, else the first one; "" without a validation.
std::string ShownValidation(const StageRecord& stage) {
  if (stage.log.validations.empty()) return "";
  const auto& values = stage.log.validations.back().values;
  const std::string headline = HeadlineMetric(stage);
  if (values.contains(headline)) return headline;
  return values.empty() ? "" : values.begin()->first;
}

// Both curves beside each other, `rows` high without title and axis.
std::vector<std::string> Curves(const StageRecord& stage, size_t columns, size_t rows) {
  const std::string name = ShownValidation(stage);
  const Points loss = LossPoints(stage.log), validation = ValidationPoints(stage.log, name);
  if (loss.x.size() < 2 || columns < kLeastColumns) return {};
  if (validation.x.size() < 2) return TerminalPlot("training loss", loss, columns, rows);
  const size_t half = (columns - 3) / 2;
  std::vector<std::string> left = TerminalPlot("training loss", loss, half, rows);
  const std::vector<std::string> right =
      TerminalPlot(absl::StrCat("validation ", OneLine(name)), validation, half, rows);
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    left[i] += std::string(half - std::min(half, CharacterCount(left[i])) + 3, ' ') + right[i];
  }
  return left;
}

std::vector<std::string> StageLines(const StageRecord& stage, double now) {
  std::vector<std::string> lines = {absl::StrCat(
      OneLine(stage.name), stage.kind.empty() ? "" : absl::StrCat(" (", OneLine(stage.kind), ")"),
      ", ", StateName(stage.state))};
  if (!HasLog(stage)) return lines;
  lines.push_back(ProgressLine(stage));
  lines.push_back(NumbersLine(stage, now));
  if (const std::string line = ValidationLine(stage); !line.empty()) lines.push_back(line);
  return lines;
}

void Append(std::vector<std::string>& lines, const std::vector<std::string>& more) {
  if (more.empty()) return;
  lines.push_back("");
  lines.insert(lines.end(), more.begin(), more.end());
}

}  // namespace

const StageRecord* CurrentStage(const RunRecord& run) {
  const StageRecord* current = nullptr;
  for (const StageRecord& stage : run.stages) {
    if (stage.state == StageState::kRunning) return &stage;
    if (IsCutShort(stage)) current = &stage;
    const bool cut_short = current != nullptr && IsCutShort(*current);
    if (!cut_short && stage.state == StageState::kDone && HasLog(stage)) current = &stage;
  }
  return current;
}

double StepsPerSecond(const TrainingLog& log) {
  constexpr size_t kLines = 21;
  std::vector<double> rates;
  for (size_t i = log.steps.size(); i-- > 1 && rates.size() + 1 < kLines;) {
    const LoggedStep &now = log.steps[i], &before = log.steps[i - 1];
    const double seconds = now.time - before.time;
    if (seconds > 0) rates.push_back(static_cast<double>(now.step - before.step) / seconds);
  }
  if (rates.empty()) return kUnknown;
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return *middle;
}

std::vector<std::string> WatchLines(const RunRecord& run, const StageRecord* stage, double now,
                                    const WatchSize& size) {
  std::vector<std::string> stages;
  for (const StageRecord& one : run.stages) stages.push_back(StageLine(one));
  const std::vector<std::string> current =
      stage == nullptr ? std::vector<std::string>{} : StageLines(*stage, now);
  const size_t rows = size.rows == 0 ? std::numeric_limits<size_t>::max() : size.rows;
  // Header, empty lines, the curves' title and axis, the log's last lines.
  const size_t fixed = 2 + 4 + current.size() + 2 + kLeastLogLines;
  if (fixed + stages.size() + kPlotRows > rows) stages = GroupedStages(run);
  const size_t used = fixed + stages.size();
  std::vector<std::string> curves;
  if (stage != nullptr && rows >= used + kLeastPlotRows)
    curves = Curves(*stage, size.columns, std::min(kPlotRows, rows - used));

  std::vector<std::string> lines = {Header(run), LifeLine(run)};
  Append(lines, stages);
  Append(lines, current);
  Append(lines, curves);
  const size_t left = rows > lines.size() + 1 ? rows - lines.size() - 1 : 0;
  const size_t logged =
      std::min({left, run.last_lines.size(), size.rows == 0 ? kLogLines : kLastLines});
  Append(lines, {run.last_lines.end() - static_cast<std::ptrdiff_t>(logged), run.last_lines.end()});
  if (lines.size() > rows) lines.resize(rows);
  for (std::string& line : lines) line = Shorten(line, size.columns);
  return lines;
}

}  // namespace regroup
