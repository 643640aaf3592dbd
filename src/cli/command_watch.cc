// regroup watch: a run as it goes, from a second terminal. Reads files only.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "core/clock.h"
#include "core/files.h"
#include "core/stop.h"
#include "report/watch_view.h"

namespace regroup {
namespace {

struct Options {
  std::string run;
  double interval = 2;
  bool once = false;

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("run", "the folder of a run").Required(), c.run);
    v(Field("interval", "seconds between two looks").AtLeast(0.1).AtMost(3600), c.interval);
    v(Field("once", "print what there is now and end, as on a pipe"), c.once);
  }
};

// One run, looked at again and again; logs are read on from where they ended.
class Watcher {
 public:
  explicit Watcher(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<std::vector<std::string>> Look(const WatchSize& size) {
    REGROUP_ASSIGN_OR_RETURN(const RunRecord run, ReadRun(path_));
    const StageRecord* current = CurrentStage(run);
    if (current == nullptr) return WatchLines(run, nullptr, UnixTime(), size);
    StageRecord stage = *current;
    MetricsFile& file =
        files_.try_emplace(stage.name, JoinPath(stage.folder, "metrics.jsonl")).first->second;
    file.Update();
    stage.log = file.log();
    return WatchLines(run, &stage, UnixTime(), size);
  }

 private:
  std::string path_;
  std::map<std::string, MetricsFile> files_;
};

// The alternate screen without a cursor, and the terminal as it was when this ends.
class Screen {
 public:
  Screen() { Write("\033[?1049h\033[?25l"); }
  ~Screen() { Write("\033[?25h\033[?1049l"); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  static WatchSize Size() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {80, 24};
    return {size.ws_col, size.ws_row};
  }

  bool Show(const std::vector<std::string>& lines) const {
    std::string frame = "\033[H";
    for (size_t i = 0; i < lines.size(); ++i)
      absl::StrAppend(&frame, i == 0 ? "" : "\n", lines[i], "\033[K");
    return Write(frame + "\033[J");
  }

 private:
  static bool Write(const std::string& text) {
    std::cout << text << std::flush;
    return std::cout.good();
  }
};

absl::Status PrintOnce(Watcher& watcher) {
  REGROUP_ASSIGN_OR_RETURN(const auto lines, watcher.Look({100, 0}));
  for (const std::string& line : lines) std::cout << line << "\n";
  return absl::OkStatus();
}

// Ends early after a signal, and where the window is no longer of this size.
void Wait(double seconds, const WatchSize& size) {
  const double end = UnixTime() + seconds;
  while (!StopRequested() && UnixTime() < end && Screen::Size() == size) {
    const double left = std::min(0.1, std::max(0.0, end - UnixTime()));
    ::poll(nullptr, 0, static_cast<int>(1000 * left) + 1);
  }
}

absl::Status Live(Watcher& watcher, double interval) {
  REGROUP_RETURN_IF_ERROR(watcher.Look({}).status());  // what is wrong is said on the plain screen
  const Screen screen;
  while (!StopRequested()) {
    const WatchSize size = Screen::Size();
    REGROUP_ASSIGN_OR_RETURN(const auto lines, watcher.Look(size));
    if (!screen.Show(lines)) return RunError("stdout", "cannot be written to");
    Wait(interval, size);
  }
  return StoppedStatus();
}

absl::Status Run(const Options& options, const CommonOptions& common) {
  if (common.json)
    return UserError("--json", "watch is for people; `regroup report RUN --json` has the numbers");
  Watcher watcher(options.run);
  const bool live = !options.once && ::isatty(STDOUT_FILENO) == 1;
  return live ? Live(watcher, options.interval) : PrintOnce(watcher);
}

}  // namespace

Command WatchCommand() {
  return MakeCommand<Options>(
      "watch", "shows a run as it goes, in a second terminal; Ctrl-C ends it",
      {"regroup watch runs/quickstart", "regroup watch runs/quickstart --once > now.txt"}, {"run"},
      Run);
}

}  // namespace regroup
