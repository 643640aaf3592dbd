// Rates of machines. What was measured is remembered in <cache>/regroup/machine.json.
#include "pipeline/device.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/json.h"
#include "ops/machine.h"

namespace regroup {
namespace {

// fp32 matrix products of one core, measured on a few servers: 80 to 110 GFLOP/s with AVX-512, 40
// to 60 with AVX2. bf16 without AMX is converted to fp32 on the way.
constexpr double kFlopsAvx512 = 85e9, kFlopsOther = 45e9;
constexpr double kAmxGain = 6, kBf16WithoutAmx = 0.8;
constexpr double kCoreBandwidth = 15e9;

struct Published {
  double memory_gb, fp32_tflops, bf16_tflops, terabytes_per_second;
};

// Dense rates without sparsity, from the makers' data sheets (SXM forms; fp32 without TF32).
const std::map<std::string, Published>& PublishedDevices() {
  static const std::map<std::string, Published> devices = {
      {"a10", {24, 31, 125, 0.6}},         {"a100-40gb", {40, 19.5, 312, 1.55}},
      {"a100-80gb", {80, 19.5, 312, 2.0}}, {"b200", {180, 75, 2250, 8.0}},
      {"h100", {80, 67, 989, 3.35}},       {"h200", {141, 67, 989, 4.8}},
      {"l40s", {48, 91, 362, 0.86}},       {"rtx4090", {24, 83, 165, 1.0}}};
  return devices;
}

constexpr double kGpuShare = 0.35;

std::string MachinePath() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string root = cache != nullptr && *cache != '\0' ? cache
                           : home != nullptr && *home != '\0' ? JoinPath(home, ".cache")
                                                              : std::string("/tmp");
  return JoinPath(root, "regroup/machine.json");
}

double PhysicalMemory() {
  return static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<double>(::sysconf(_SC_PAGESIZE));
}

Device Assumed(const MachinePeaks& machine, int64_t threads) {
  const auto n = static_cast<double>(threads);
  Device device;
  device.name = absl::StrCat(threads, threads == 1 ? " thread of " : " threads of ", machine.cpu);
  device.source = "assumed; regroup plan --calibrate measures";
  device.memory_bytes = PhysicalMemory();
  device.fp32_flops = n * (at::get_cpu_capability() == "AVX512" ? kFlopsAvx512 : kFlopsOther);
  const bool amx = machine.isa.find("amx_bf16") != std::string::npos;
  device.bf16_flops = device.fp32_flops * (amx ? kAmxGain : kBf16WithoutAmx);
  device.bytes_per_second = n * kCoreBandwidth;
  return device;
}

// Only of the same processor with as many threads.
bool IsOf(const Json& json, const MachinePeaks& machine) {
  return json.is_object() && json.value("cpu", Json()) == Json(machine.cpu) &&
         json.value("isa", Json()) == Json(machine.isa) &&
         json.value("threads", Json()) == Json(machine.threads);
}

void TakeMeasured(const Json& json, Device& device) {
  const auto take = [&](const char* key, double& value) {
    const Json found = json.value(key, Json());
    if (found.is_number() && found.get<double>() > 0) value = found.get<double>();
  };
  device.source = "measured";
  take("fp32_flops", device.fp32_flops);
  take("bf16_flops", device.bf16_flops);
  take("bytes_per_second", device.bytes_per_second);
}

absl::Status WrongSpec(const std::string& spec, const std::string& name) {
  std::vector<std::string> names = {"cpu"};
  for (const auto& [known, numbers] : PublishedDevices()) names.push_back(known);
  const bool known_name = std::ranges::find(names, name) != names.end();
  return UserError("--device-spec",
                   absl::StrCat("found \"", spec, "\"", known_name ? "" : DidYouMean(name, names),
                                ", expected a device and, after a colon, how many: ",
                                absl::StrJoin(names, ", "), ", for instance h100:8 or cpu:16"));
}

}  // namespace

Device ThisMachine() {
  const MachinePeaks machine = DescribeMachine();
  Device device = Assumed(machine, at::get_num_threads());
  const std::string path = MachinePath();
  if (!FileExists(path)) return device;
  const absl::StatusOr<Json> json = ReadConfigFile(path);
  if (json.ok() && IsOf(*json, machine)) TakeMeasured(*json, device);
  return device;
}

absl::Status CalibrateMachine() {
  const MachinePeaks machine = MeasureMachine();
  const auto rate = [&](const char* type) {
    const auto found = machine.gemm_tflops.find(type);
    return found != machine.gemm_tflops.end() ? found->second * 1e12 : 0;
  };
  const Json json = {
      {"cpu", machine.cpu},         {"isa", machine.isa},
      {"threads", machine.threads}, {"fp32_flops", rate("fp32")},
      {"bf16_flops", rate("bf16")}, {"bytes_per_second", machine.read_gb_per_s * 1e9}};
  const std::string path = MachinePath();
  REGROUP_RETURN_IF_ERROR(MakeFolders(ParentFolder(path)));
  return WriteFileAtomically(path, DumpJsonPretty(json));
}

absl::StatusOr<Device> DeviceOf(const std::string& spec) {
  const size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  int64_t count = 1;
  if (colon != std::string::npos &&
      (!absl::SimpleAtoi(spec.substr(colon + 1), &count) || count < 1 || count > 1'000'000)) {
    return WrongSpec(spec, name);
  }
  if (name == "cpu") {  // so many cores of this kind
    Device device = Assumed(DescribeMachine(), count);
    device.name = absl::StrCat(count, " cores like this machine's");
    device.source = "assumed";
    device.here = false;
    return device;
  }
  const auto found = PublishedDevices().find(name);
  if (found == PublishedDevices().end()) return WrongSpec(spec, name);
  const Published& numbers = found->second;
  Device device;
  device.name = absl::StrCat(count, " x ", name);
  device.source = "published";
  device.count = count;
  device.memory_bytes = numbers.memory_gb * 1e9;
  device.fp32_flops = numbers.fp32_tflops * 1e12;
  device.bf16_flops = numbers.bf16_tflops * 1e12;
  device.bytes_per_second = numbers.terabytes_per_second * 1e12;
  device.share = kGpuShare;
  device.here = false;
  return device;
}

}  // namespace regroup
