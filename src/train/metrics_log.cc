// Appends to metrics.jsonl; trims it when a run goes on from an earlier checkpoint.
#include "train/metrics_log.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include "core/clock.h"
#include "core/files.h"

namespace regroup {
namespace {

// The lines of `text` whose step is at most `step`; a torn or foreign line is dropped.
std::string LinesUpTo(const std::string& text, int64_t step) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("step") && json["step"].is_number() &&
        json["step"] <= step) {
      kept += line + "\n";
    }
  }
  return kept;
}

Scalars ScalarsOf(const Json& values, const std::string& prefix) {
  Scalars scalars;
  for (const auto& [name, value] : values.items())
    scalars.emplace_back(prefix + name, value.get<double>());
  return scalars;
}

}  // namespace

absl::StatusOr<MetricsLog> MetricsLog::Open(const std::string& run_folder, const std::string& stage,
                                            int64_t step) {
  const std::string path = JoinPath(run_folder, "metrics.jsonl");
  if (FileExists(path)) {
    REGROUP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    REGROUP_RETURN_IF_ERROR(WriteFileAtomically(path, LinesUpTo(text, step)));
  }
  REGROUP_ASSIGN_OR_RETURN(EventFile events, EventFile::Create(run_folder, step, UnixTime()));
  return MetricsLog(path, stage, std::move(events));
}

absl::Status MetricsLog::LogStep(const StepView& view) {
  const StepReport& report = view.report;
  const double tokens = static_cast<double>(report.source_tokens + report.target_tokens);
  Json values = {{"loss", report.loss},
                 {"target_tokens", report.target_tokens},
                 {"tokens_per_second", tokens / report.seconds},
                 {"learning_rate", report.learning_rate},
                 {"gradient_norm", report.gradient_norm},
                 {"data_wait_seconds", report.data_wait_seconds},
                 {"mfu", view.mfu},
                 {"memory_bytes", view.memory_bytes}};
  values.update(report.teacher_losses);
  const double now = UnixTime();
  Json line = {{"stage", stage_}, {"step", view.step}, {"steps", view.steps}, {"time", now}};
  line.update(values);
  REGROUP_RETURN_IF_ERROR(AppendLine(line));
  return events_.Add(view.step, now, ScalarsOf(values, "train/"));
}

absl::Status MetricsLog::LogValidation(int64_t step, const std::map<std::string, double>& values) {
  const double now = UnixTime();
  REGROUP_RETURN_IF_ERROR(
      AppendLine(Json{{"stage", stage_}, {"step", step}, {"time", now}, {"validation", values}}));
  return events_.Add(step, now, ScalarsOf(values, "validation/"));
}

absl::Status MetricsLog::AppendLine(const Json& line) const {
  std::ofstream out(path_, std::ios::app);
  out << DumpJson(line) << '\n';
  out.flush();
  if (!out) return RunError(path_, "cannot append a line; is the disk full?");
  return absl::OkStatus();
}

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  int64_t resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace regroup
