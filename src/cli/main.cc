// The program: settings of the process, arguments, one command, exit code. The only catch of
// foreign exceptions.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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

// A closed descriptor 0, 1 or 2 would be given to the next file that is opened, and results would
// be written into it. /dev/null stands there instead, opened so that use of it still fails.
void FillStandardDescriptors() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd) std::_Exit(1);
  }
}

void SetUpProcess(const Invocation& invocation) {
  const CommonOptions& common = invocation.common;
  if (invocation.command->on_signal == OnSignal::kPoll) InstallStopHandlers();
  SetQuiet(common.quiet);
  if (common.threads > 0) at::set_num_threads(static_cast<int>(common.threads));
  FlushDenormals(true);
  std::signal(SIGPIPE, SIG_IGN);  // both become errors of the write
  std::signal(SIGXFSZ, SIG_IGN);
}

constexpr size_t kLongestLine = 600, kLineEnd = 200;

// A message quotes what files hold: a long value is cut in the middle of its line, so that the
// place and what to do stay, and control characters do not reach the terminal.
std::string Shortened(std::string_view line) {
  const auto inside_character = [&](size_t at) { return (line[at] & 0xC0) == 0x80; };
  std::string shown;
  size_t head = line.size(), tail = line.size();
  if (line.size() > kLongestLine) {
    head = kLongestLine - kLineEnd;
    tail = line.size() - kLineEnd;
    while (inside_character(head)) --head;
    while (tail < line.size() && inside_character(tail)) ++tail;
  }
  for (size_t i = 0; i < line.size(); ++i) {
    if (i == head) shown += " [...] ";
    if (i >= head && i < tail) continue;
    shown += std::iscntrl(static_cast<unsigned char>(line[i])) != 0 ? '?' : line[i];
  }
  return shown;
}

std::string Readable(const std::string& message) {
  std::string shown;
  for (const absl::string_view line : absl::StrSplit(message, '\n'))
    absl::StrAppend(&shown, shown.empty() ? "" : "\n", Shortened(ToStd(line)));
  return shown;
}

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  if (IsStopped(status)) {
    const std::string message(status.message());
    StopSignal() != 0 ? LogWarning(message) : LogInfo(message);
    return StopSignal() != 0 ? 128 + StopSignal() : 0;
  }
  Log(LogLevel::kError, Readable(std::string(status.message())));
  return ExitCode(status);
}

absl::Status OutOfMemory() {
  return RunError(
      "memory",
      "there is not enough for this: use a smaller batch (--batch-tokens, --batch, in a "
      "recipe batch.micro_batch), shorter sequences or a smaller model");
}

// LibTorch has no exception of its own for this; these are its sentences.
bool IsOutOfMemory(const std::string& what) {
  for (const char* sentence : {"allocate memory", "not enough memory", "out of memory",
                               "Storage size calculation overflowed"}) {
    if (what.find(sentence) != std::string::npos) return true;
  }
  return false;
}

absl::Status Execute(const Invocation& invocation) {
  try {
    return invocation.command->run(invocation.common);
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    return IsOutOfMemory(what) ? OutOfMemory() : RunError("LibTorch", what);
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::length_error&) {  // more values than any memory holds
    return OutOfMemory();
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
  SetUpProcess(*invocation);
  absl::Status status = Execute(*invocation);
  std::cout.flush();
  if (status.ok() && !std::cout) {
    // A reader that has seen enough (head) is no error to speak of.
    if (errno == EPIPE) return 128 + SIGPIPE;
    status = RunError("standard output", "cannot be written");
  }
  return Report(status);
}

}  // namespace
}  // namespace regroup

int main(int argc, char** argv) {
  regroup::FillStandardDescriptors();
  regroup::TuneAllocator();
  return regroup::Main(std::vector<std::string>(argv + 1, argv + argc));
}
