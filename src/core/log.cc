// The logger: one mutex, stderr, an optional file.
#include "core/log.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/progress.h"

namespace regroup {
namespace {

struct LogState {
  std::mutex mutex;
  bool quiet = false;
  std::ofstream file;
  std::string progress;  // the line that stands at the bottom of the terminal
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

constexpr int kUsualColumns = 80;
constexpr char kClearLine[] = "\r\x1b[K";

int TerminalColumns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : kUsualColumns;
}

// One column stays free: a line that fills the last one would wrap.
void DrawProgress(const std::string& line) {
  std::fprintf(stderr, "%s%s", kClearLine, CutToColumns(line, TerminalColumns() - 1).c_str());
  std::fflush(stderr);
}

}  // namespace

bool ProgressIsShown() {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  return terminal && !State().quiet;
}

void ShowProgress(const std::string& line) {
  LogState& state = State();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (!ProgressIsShown() || (line.empty() && state.progress.empty())) return;
  state.progress = line;
  DrawProgress(line);
}

void LogToFile(const std::string& message) {
  LogState& state = State();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.file.is_open()) state.file << TimeNow() << ' ' << message << std::endl;
}

void Log(LogLevel level, const std::string& message) {
  const char* mark = level == LogLevel::kInfo      ? ""
                     : level == LogLevel::kWarning ? "warning: "
                                                   : "error: ";
  LogState& state = State();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.quiet || level != LogLevel::kInfo) {
    const bool drawn = !state.progress.empty();
    std::fprintf(stderr, "%s%s%s\n", drawn ? kClearLine : "", mark, message.c_str());
    if (drawn) DrawProgress(state.progress);
  }
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
