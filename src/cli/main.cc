// The program: settings of the process, arguments, one command, exit code. The only catch of
// foreign exceptions.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <malloc.h>

#include <csignal>
#include <exception>
#include <iostream>

#include "cli/bind.h"
#include "cli/commands.h"
#include "core/log.h"
#include "core/stop.h"
#include "ops/machine.h"

namespace regroup {
namespace {

// Memory is kept between steps instead of being given back and faulted in again.
void TuneAllocator() {
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
  ::mallopt(M_TOP_PAD, 64 << 20);
}

void SetUpProcess(const CommonOptions& common) {
  SetQuiet(common.quiet);
  if (common.threads > 0) at::set_num_threads(static_cast<int>(common.threads));
  FlushDenormals(true);
  std::signal(SIGPIPE, SIG_IGN);
}

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  if (IsStopped(status)) {
    LogWarning(std::string(status.message()));
    return 128 + StopSignal();
  }
  Log(LogLevel::kError, std::string(status.message()));
  return ExitCode(status);
}

absl::Status Execute(const Invocation& invocation) {
  try {
    return invocation.command->run(invocation.common);
  } catch (const c10::Error& error) {
    return RunError("LibTorch", error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return RunError("memory",
                    "there is not enough; use a smaller batch.micro_batch or decode batch");
  } catch (const std::exception& error) {
    return RunError("unexpected error", error.what());
  }
}

int Main(const std::vector<std::string>& arguments) {
  std::vector<Command> commands = AllCommands();
  const absl::StatusOr<Invocation> invocation = ParseArguments(commands, arguments);
  if (!invocation.ok()) return Report(invocation.status());
  if (invocation->command == nullptr) {
    std::cout << invocation->help;
    return 0;
  }
  SetUpProcess(invocation->common);
  absl::Status status = Execute(*invocation);
  std::cout.flush();
  if (status.ok() && !std::cout) status = RunError("standard output", "cannot be written");
  return Report(status);
}

}  // namespace
}  // namespace regroup

int main(int argc, char** argv) {
  regroup::InstallStopHandlers();
  regroup::TuneAllocator();
  return regroup::Main(std::vector<std::string>(argv + 1, argv + argc));
}
