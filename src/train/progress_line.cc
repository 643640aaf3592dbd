// Wording of training progress.
#include "train/progress_line.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/log.h"
#include "core/progress.h"

namespace regroup {
namespace {

constexpr int kBarWidth = 20;

std::string Rate(const StepReport& report) {
  const auto tokens = static_cast<double>(report.source_tokens + report.target_tokens);
  return FormatCount(static_cast<long long>(tokens / std::max(report.seconds, 1e-9)));
}

// "  distillation 0.1234  attention 0.0123" with a teacher.
std::string TeacherText(const StepReport& report) {
  std::string text;
  for (const auto& [name, loss] : report.teacher_losses)
    absl::StrAppendFormat(&text, "  %s %.4f", name.substr(0, name.find('_')), loss);
  return text;
}

std::string MfuText(double mfu) {
  return mfu > 0 ? absl::StrFormat("  MFU %.0f %%", 100 * mfu) : "";
}

double WaitPercent(const StepReport& report) {
  return 100 * report.data_wait_seconds / std::max(report.seconds, 1e-9);
}

}  // namespace

std::string ProgressLine(const StepView& view) {
  const double share = static_cast<double>(view.step) / static_cast<double>(view.steps);
  return absl::StrFormat(
      "%s  %s %3.0f %%  step %d/%d  loss %.4f  %s tokens/s  ETA %s  %s  data wait %.0f %%",
      view.stage, ProgressBar(share, kBarWidth), 100 * share, view.step, view.steps,
      view.report.loss, Rate(view.report), FormatDuration(view.eta_seconds),
      FormatBytes(static_cast<double>(view.memory_bytes)), WaitPercent(view.report));
}

std::string LogLine(const StepView& view) {
  return absl::StrFormat(
      "%s  step %d/%d  loss %.4f%s  %s tokens/s%s  lr %.3g  %s  data wait %.0f %%  ETA "
      "%s",
      view.stage, view.step, view.steps, view.report.loss, TeacherText(view.report),
      Rate(view.report), MfuText(view.mfu), view.report.learning_rate,
      FormatBytes(static_cast<double>(view.memory_bytes)), WaitPercent(view.report),
      FormatDuration(view.eta_seconds));
}

}  // namespace regroup
