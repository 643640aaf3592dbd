// The logger: one mutex, stderr, an optional file.
#include "core/log.h"

#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace regroup {
namespace {

struct LogState {
  std::mutex mutex;
  bool quiet = false;
  std::ofstream file;
};

LogState& State() {
  static auto* state = new LogState;
  return *state;
}

std::string TimeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

void Log(LogLevel level, const std::string& message) {
  const char* mark = level == LogLevel::kInfo      ? ""
                     : level == LogLevel::kWarning ? "warning: "
                                                   : "error: ";
  LogState& state = State();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.quiet || level != LogLevel::kInfo)
    std::fprintf(stderr, "%s%s\n", mark, message.c_str());
  if (state.file.is_open()) state.file << TimeNow() << ' ' << mark << message << std::endl;
}

void LogInfo(const std::string& message) { Log(LogLevel::kInfo, message); }
void LogWarning(const std::string& message) { Log(LogLevel::kWarning, message); }

void SetQuiet(bool quiet) {
  const std::lock_guard<std::mutex> lock(State().mutex);
  State().quiet = quiet;
}

void SetLogFile(const std::string& path) {
  const std::lock_guard<std::mutex> lock(State().mutex);
  State().file.close();
  State().file.clear();
  if (!path.empty()) State().file.open(path, std::ios::app);
}

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0)) return "?";
  if (seconds < 60) return absl::StrFormat("%.1f s", seconds);
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string FormatBytes(double bytes) {
  const char* units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < std::size(units)) {
    bytes /= 1000;
    ++unit;
  }
  const int decimals = bytes < 10 && unit > 0 ? 1 : 0;
  return absl::StrFormat("%.*f %s", decimals, bytes, units[unit]);
}

std::string FormatCount(long long count) {
  std::string digits = absl::StrCat(count < 0 ? -count : count);
  for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return (count < 0 ? "-" : "") + digits;
}

}  // namespace regroup
