// Polite stopping: SIGINT, SIGTERM and SIGHUP raise a flag that loops poll; the second signal ends
// the process at once. A time limit raises the same flag. `cli` installs the handlers for commands
// that poll; train, decode and data loops ask StopRequested().
#pragma once

#include <chrono>

#include "core/status.h"

namespace regroup {

// A signal that was ignored at the start (nohup, a job in the background) stays ignored.
void InstallStopHandlers();
bool StopRequested();
int StopSignal();  // 0, or the signal's number
// From now on, StopRequested() is true once this time has passed.
void StopAfter(std::chrono::milliseconds time);
// For tests: raises the flag as the signal would.
void RequestStop(int signal);
// The status that a loop returns once its state was saved; `cli` turns it into exit code 128 +
// signal, or 0 where the time limit did it.
absl::Status StoppedStatus();
bool IsStopped(const absl::Status& status);

}  // namespace regroup
