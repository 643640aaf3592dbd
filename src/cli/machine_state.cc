// Facts from /proc, control groups (v1 and v2) and LibTorch; findings by fixed thresholds.
#include "cli/machine_state.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <sched.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/share.h"
#include "core/log.h"
#include "ops/machine.h"

namespace regroup {
namespace {

constexpr int64_t kKilobyte = 1024;
constexpr int64_t kNoLimit = int64_t{1} << 60;  // v1 writes "none" as a number near 2^63
constexpr int64_t kLittleMemory = 2'000'000'000, kLittleDisk = 2'000'000'000;

std::map<std::string, int64_t> MemInfo() {
  std::map<std::string, int64_t> values;
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    int64_t kilobytes = 0;
    if (words >> key >> kilobytes) values[key.substr(0, key.size() - 1)] = kilobytes * kKilobyte;
  }
  return values;
}

// The folder of this process's group: of `controller` under v1, or of v2.
std::string GroupFolder(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  std::string unified;
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (("," + names + ",").find("," + controller + ",") != std::string::npos)
      return absl::StrCat("/sys/fs/cgroup/", controller, path);
    if (names.empty()) unified = "/sys/fs/cgroup" + path;
  }
  return unified;
}

// The least limit of the group and of those around it; 0: none. Inside a container the outer path
// does not exist, and its own root stands for it.
template <class Read>
double LeastLimit(std::string folder, const Read& read) {
  double least = 0;
  while (folder.size() > std::string("/sys/fs/cgroup").size() - 1) {
    const double limit = read(folder);
    if (limit > 0) least = least == 0 ? limit : std::min(least, limit);
    folder = folder.substr(0, folder.rfind('/'));
  }
  return least;
}

double QuotaCores() {
  return LeastLimit(GroupFolder("cpu"), [](const std::string& folder) {
    std::ifstream unified(folder + "/cpu.max");
    double quota = 0, period = 0;
    if (unified >> quota >> period && period > 0) return quota / period;
    quota = static_cast<double>(NumberInFile(folder + "/cpu.cfs_quota_us"));
    period = static_cast<double>(NumberInFile(folder + "/cpu.cfs_period_us"));
    return quota > 0 && period > 0 ? quota / period : 0.0;
  });
}

int64_t MemoryLimit() {
  const double limit = LeastLimit(GroupFolder("memory"), [](const std::string& folder) {
    const int64_t unified = NumberInFile(folder + "/memory.max");
    const int64_t own = unified > 0 ? unified : NumberInFile(folder + "/memory.limit_in_bytes");
    return own > 0 && own < kNoLimit ? static_cast<double>(own) : 0.0;
  });
  return static_cast<int64_t>(limit);
}

// Files that the group has read and that can be forgotten do not count.
int64_t MemoryUsedInGroup() {
  const std::string folder = GroupFolder("memory");
  const int64_t unified = NumberInFile(folder + "/memory.current");
  const int64_t used = unified > 0 ? unified : NumberInFile(folder + "/memory.usage_in_bytes");
  std::ifstream file(folder + "/memory.stat");
  std::string key;
  int64_t value = 0, forgettable = 0;
  while (file >> key >> value) {
    if (key == "inactive_file") forgettable = value;
  }
  return std::max<int64_t>(0, used - forgettable);
}

int64_t AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

int64_t FreeDisk(const std::string& folder) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return 0;
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

// "always [madvise] never" -> "madvise".
std::string Chosen(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const size_t begin = line.find('['), end = line.find(']');
  return begin < end && end != std::string::npos ? line.substr(begin + 1, end - begin - 1) : "";
}

bool FlushesDenormals() {
  volatile float small = 1.2e-38F;
  return small * 0.25F == 0;
}

void ReadMemory(MachineState& state) {
  std::map<std::string, int64_t> info = MemInfo();
  state.memory_total = info["MemTotal"];
  state.memory_available = info["MemAvailable"];
  state.swap_used = info["SwapTotal"] - info["SwapFree"];
  state.memory_limit = MemoryLimit();
  if (state.memory_limit > 0)
    state.memory_available = std::min(
        state.memory_available, std::max<int64_t>(0, state.memory_limit - MemoryUsedInGroup()));
}

double UsableCores(const MachineState& state) {
  const auto allowed = static_cast<double>(state.allowed_cores);
  return state.quota_cores > 0 ? std::min(allowed, state.quota_cores) : allowed;
}

class FindingList {
 public:
  void Add(bool wrong, const std::string& what, const std::string& cost,
           const std::string& what_to_do) {
    if (wrong) list_.push_back({{"what", what}, {"cost", cost}, {"do", what_to_do}});
  }
  Json Take() { return std::move(list_); }

 private:
  Json list_ = Json::array();
};

void AddCoreFindings(const MachineState& state, FindingList& list) {
  const double usable = UsableCores(state);
  const auto threads = static_cast<double>(state.threads);
  const auto fitting = static_cast<int64_t>(std::max(1.0, std::floor(usable)));
  list.Add(threads > usable + 0.5,
           absl::StrFormat("%d threads for %.3g usable cores", state.threads, usable),
           "threads wait for each other; every step takes longer",
           absl::StrCat("give --threads ", fitting));
  list.Add(threads < usable - 0.5,
           absl::StrFormat("%d threads, though %.3g cores are usable", state.threads, usable),
           "the other cores stand still",
           absl::StrCat("unset OMP_NUM_THREADS or give --threads ", fitting));
  list.Add(
      state.load > 0.5 * usable,
      absl::StrFormat("a load of %.1f on %.3g usable cores: others compute", state.load, usable),
      "runs and measurements here are slower than they could be",
      "wait for it, or give --threads fewer");
  list.Add(!state.waits_set && state.load > 0.5 * usable && state.threads > 1,
           "GOMP_SPINCOUNT and OMP_WAIT_POLICY are not set while cores are shared",
           "threads that wait keep their core busy, up to several times slower",
           "export GOMP_SPINCOUNT=2000");
}

void AddMemoryFindings(const MachineState& state, FindingList& list) {
  list.Add(state.memory_available < kLittleMemory,
           absl::StrCat("only ", FormatBytes(static_cast<double>(state.memory_available)),
                        " of memory is free"),
           "the quickstart may not fit; the system may end the program",
           "end other programs, or use a smaller batch.micro_batch");
  list.Add(state.swap_used > state.memory_total / 20,
           absl::StrCat(FormatBytes(static_cast<double>(state.swap_used)), " lie in swap"),
           "steps that touch them wait for the disk", "end other programs");
  list.Add(state.disk_free < kLittleDisk,
           absl::StrCat("only ", FormatBytes(static_cast<double>(state.disk_free)),
                        " of disk is free where runs go"),
           "a checkpoint may not fit; the run then stops and can go on later",
           "make room, or run elsewhere with --out");
  list.Add(state.huge_pages == "never", "transparent huge pages are off",
           "a few percent of speed with large models",
           "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
}

}  // namespace

int64_t NumberInFile(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  return file >> number ? number : -1;
}

MachineState ReadMachineState(const std::string& folder) {
  MachineState state;
  state.cores = std::thread::hardware_concurrency();
  state.allowed_cores = AllowedCores();
  state.quota_cores = QuotaCores();
  state.threads = at::get_num_threads();
  double loads[1] = {0};
  if (::getloadavg(loads, 1) == 1) state.load = loads[0];
  ReadMemory(state);
  state.disk_free = FreeDisk(folder);
  state.huge_pages = Chosen("/sys/kernel/mm/transparent_hugepage/enabled");
  state.capability = at::get_cpu_capability();
  state.isa = DescribeMachine().isa;
  state.flushes_denormals = FlushesDenormals();
  state.cuda = at::hasCUDA();
  const std::string config = at::show_config();
  state.cuda_built = config.find("USE_CUDA=ON") != std::string::npos ||
                     config.find("USE_CUDA=1") != std::string::npos;
  state.nccl_built = config.find("USE_NCCL=ON") != std::string::npos ||
                     config.find("USE_NCCL=1") != std::string::npos;
  state.waits_set =
      std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr;
  state.home = ShareFolder();
  return state;
}

Json Findings(const MachineState& state, const Json& gemm) {
  FindingList list;
  AddMemoryFindings(state, list);
  AddCoreFindings(state, list);
  const double fp32 = gemm.value("fp32", 0.0), bf16 = gemm.value("bf16", 0.0);
  const bool amx = state.isa.find("amx_bf16") != std::string::npos;
  list.Add(bf16 < fp32,
           absl::StrFormat("bf16 multiplies slower than fp32 here (%.2f against %.2f TFLOP/s%s)",
                           bf16, fp32, amx ? "" : "; the processor has no AMX"),
           "precision: bf16 saves memory but no time", "use precision: fp32 on this CPU");
  list.Add(state.isa.find("avx2") == std::string::npos, "the processor has no AVX2",
           "every product is several times slower", "use another machine");
  list.Add(!state.flushes_denormals, "this processor does not flush denormal numbers to zero",
           "training can slow down by a factor of several", "use another machine for training");
  list.Add(state.home.empty(), "the shipped recipes are not beside this binary",
           "recipes list, show and copy, and --task NAME, find nothing",
           "set REGROUP_SHARE to the folder with recipes/ and configs/");
  list.Add(state.cuda_built && !state.cuda, "LibTorch is built for CUDA, but sees no device",
           "everything runs on the CPU", "look at nvidia-smi and CUDA_VISIBLE_DEVICES");
  return list.Take();
}

}  // namespace regroup
