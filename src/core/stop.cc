// Signal flag and time limit; async-signal-safe handlers.
#include "core/stop.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

namespace regroup {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> stop_signal{0};
std::atomic<Clock::time_point> stop_time{Clock::time_point::max()};

void OnSignal(int signal) {
  if (stop_signal.exchange(signal) != 0) ::_exit(128 + signal);
}

}  // namespace

void InstallStopHandlers() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    ::sigaction(signal, &action, nullptr);
  }
}

bool StopRequested() { return stop_signal.load() != 0 || Clock::now() >= stop_time.load(); }
void StopAfter(std::chrono::milliseconds time) { stop_time.store(Clock::now() + time); }
int StopSignal() { return stop_signal.load(); }
void RequestStop(int signal) { stop_signal.store(signal); }

absl::Status StoppedStatus() {
  return absl::CancelledError(StopSignal() != 0 ? "stopped by a signal"
                                                : "stopped at the time limit");
}
bool IsStopped(const absl::Status& status) { return absl::IsCancelled(status); }

}  // namespace regroup
