// Bars and meters; the drawing itself stands in log.cc, which shares the terminal with it.
#include "core/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/clock.h"
#include "core/log.h"

namespace regroup {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBetweenDraws = std::chrono::milliseconds(200);
constexpr auto kBetweenLines = std::chrono::seconds(30);
constexpr int kBarWidth = 20;

}  // namespace

std::string ProgressBar(double share, int width) {
  const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  return absl::StrCat("[", std::string(static_cast<size_t>(filled), '#'),
                      std::string(static_cast<size_t>(width - filled), '.'), "]");
}

std::string CutToColumns(const std::string& line, int columns) {
  size_t end = 0;
  for (int column = 0; end < line.size() && column < columns; ++column) {
    ++end;
    while (end < line.size() && (line[end] & 0xC0) == 0x80) ++end;
  }
  return line.substr(0, end);
}

bool DrawClock::Due() {
  const Clock::time_point now = Clock::now();
  if (now - last_ < kBetweenDraws) return false;
  last_ = now;
  return true;
}

ProgressMeter::ProgressMeter(std::string what, std::string unit, int64_t total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      start_(Clock::now()),
      logged_(start_) {}

void ProgressMeter::Add(int64_t count) {
  done_ += count;
  if (ProgressIsShown()) {
    if (clock_.Due()) ShowProgress(Line(SecondsSince(start_)));
  } else if (Clock::now() - logged_ >= kBetweenLines) {
    logged_ = Clock::now();
    LogInfo(Line(SecondsSince(start_)));
  }
}

std::string ProgressMeter::Line(double seconds) const {
  const double rate = static_cast<double>(done_) / std::max(seconds, 1e-9);
  const std::string speed = absl::StrFormat("%.1f %s/s", rate, unit_);
  if (total_ <= 0) return absl::StrCat(what_, "  ", FormatCount(done_), " ", unit_, "  ", speed);
  const double share = static_cast<double>(done_) / static_cast<double>(total_);
  return absl::StrFormat("%s  %s %3.0f %%  %s/%s %s  %s  ETA %s", what_,
                         ProgressBar(share, kBarWidth), 100 * share, FormatCount(done_),
                         FormatCount(total_), unit_, speed,
                         FormatDuration(static_cast<double>(total_ - done_) / rate));
}

}  // namespace regroup
