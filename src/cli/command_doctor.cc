// regroup doctor: what this machine has, and what is wrong with it.
#include <ATen/ATen.h>
#include <sys/statvfs.h>
#include <torch/headeronly/version.h>

#include <fstream>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "core/log.h"
#include "ops/machine.h"
#include "report/table.h"

namespace regroup {
namespace {

struct NoOptions {
  template <class Self, class Visitor>
  static void Visit(Self&, Visitor&) {}
};

int64_t AvailableMemory() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  int64_t kilobytes = 0;
  std::string unit;
  while (file >> key >> kilobytes) {
    std::getline(file, unit);
    if (key == "MemAvailable:") return kilobytes * 1024;
  }
  return 0;
}

int64_t FreeDisk() {
  struct statvfs info {};
  if (::statvfs(".", &info) != 0) return 0;
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

Json Examine() {
  Json json = Json::object();
  const MachinePeaks peaks = MeasureMachine();
  json["cpu"] = peaks.cpu;
  json["instruction_set"] = peaks.isa;
  json["threads"] = peaks.threads;
  json["hardware_threads"] = std::thread::hardware_concurrency();
  json["libtorch"] = TORCH_VERSION;
  json["cuda"] = at::hasCUDA();
  json["memory_available_bytes"] = AvailableMemory();
  json["disk_free_bytes"] = FreeDisk();
  json["read_gb_per_s"] = peaks.read_gb_per_s;
  json["gemm_tflops"] = peaks.gemm_tflops;
  return json;
}

std::vector<std::string> Complaints(const Json& found) {
  std::vector<std::string> list;
  if (found["memory_available_bytes"].get<int64_t>() < 2'000'000'000)
    list.push_back("less than 2 GB of memory is free: the quickstart may not fit");
  if (found["disk_free_bytes"].get<int64_t>() < 1'000'000'000)
    list.push_back("less than 1 GB of disk is free in this folder");
  if (found["gemm_tflops"]["bf16"].get<double>() < found["gemm_tflops"]["fp32"].get<double>()) {
    list.push_back("bf16 is slower than fp32 on this CPU: use precision fp32");
  }
  return list;
}

absl::Status Run(const NoOptions&, const CommonOptions& common) {
  Json found = Examine();
  found["complaints"] = Complaints(found);
  if (common.json) {
    std::cout << DumpJson(found) << "\n";
    return absl::OkStatus();
  }
  const auto number = [&](const Json& value, const char* unit) {
    return absl::StrFormat("%.2f %s", value.get<double>(), unit);
  };
  TextTable table{{"what", "found"}, {}};
  table.rows = {{"CPU", found["cpu"].get<std::string>()},
                {"instruction set", found["instruction_set"].get<std::string>()},
                {"threads", absl::StrCat(found["threads"].get<int64_t>(), " of ",
                                         found["hardware_threads"].get<int64_t>())},
                {"LibTorch", found["libtorch"].get<std::string>()},
                {"CUDA", found["cuda"].get<bool>() ? "yes" : "no"},
                {"memory free", FormatBytes(found["memory_available_bytes"].get<double>())},
                {"disk free here", FormatBytes(found["disk_free_bytes"].get<double>())},
                {"reading memory", number(found["read_gb_per_s"], "GB/s")},
                {"matrix multiply fp32", number(found["gemm_tflops"]["fp32"], "TFLOP/s")},
                {"matrix multiply bf16", number(found["gemm_tflops"]["bf16"], "TFLOP/s")}};
  std::cout << FormatTable(table);
  for (const Json& complaint : found["complaints"])
    std::cout << "problem: " << complaint.get<std::string>() << "\n";
  if (found["complaints"].empty()) std::cout << "nothing is wrong\n";
  return absl::OkStatus();
}

}  // namespace

Command DoctorCommand() {
  return MakeCommand<NoOptions>("doctor", "what this machine can do, and what is wrong",
                                {"regroup doctor", "regroup doctor --json"}, {}, Run);
}

}  // namespace regroup
