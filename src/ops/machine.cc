// Measures the machine's peaks. See machine.h.
#include "ops/machine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <vector>

#include "ops/matmul.h"

namespace regroup {
namespace {

double BestSeconds(int tries, const std::function<void()>& work) {
  double best = 1e30;
  for (int i = 0; i < tries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, spent.count());
  }
  return best;
}

// ORs every word; eight words at a time so that the loop waits for memory, not for itself.
uint64_t OrWords(const uint64_t* words, int64_t count) {
  uint64_t any[8] = {};
  for (int64_t i = 0; i + 8 <= count; i += 8) {
    for (int64_t k = 0; k < 8; ++k) any[k] |= words[i + k];
  }
  uint64_t result = 0;
  for (const uint64_t part : any) result |= part;
  return result;
}

double MeasureReadBandwidth() {
  const std::vector<uint64_t> words(64 << 20, 1);  // 512 MiB
  const int64_t count = static_cast<int64_t>(words.size());
  std::atomic<uint64_t> sink{0};
  const auto read = [&] {
    const int64_t part = (count + at::get_num_threads() - 1) / at::get_num_threads();
    at::parallel_for(0, count, part, [&](int64_t begin, int64_t end) {
      sink |= OrWords(words.data() + begin, end - begin);
    });
  };
  return static_cast<double>(count) * 8e-9 / BestSeconds(5, read);
}

// TFLOP/s of square products of `size`.
double MeasureGemm(at::ScalarType type, int64_t size, int tries) {
  const at::Tensor a = at::ones({size, size}, type), b = at::ones({size, size}, type);
  at::Tensor out = at::empty_like(a);
  const double seconds = BestSeconds(tries, [&] { MatMulInto(out, a, b); });
  return 2e-12 * static_cast<double>(size * size * size) / seconds;
}

// The value of the first line of /proc/cpuinfo that starts with `key`.
std::string CpuInfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind(key, 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string InstructionSets() {
  std::istringstream flags(CpuInfo("flags"));
  const std::vector<std::string> wanted = {"avx2",        "avx512f",  "avx512_vnni",
                                           "avx512_bf16", "amx_bf16", "amx_int8"};
  std::vector<std::string> present;
  for (std::string flag; flags >> flag;) present.push_back(flag);
  std::string result;
  for (const std::string& flag : wanted) {
    if (std::find(present.begin(), present.end(), flag) == present.end()) continue;
    result += (result.empty() ? "" : " ") + flag;
  }
  return result.empty() ? "baseline" : result;
}

}  // namespace

MachinePeaks DescribeMachine() {
  MachinePeaks peaks;
  peaks.cpu = CpuInfo("model name");
  peaks.threads = at::get_num_threads();
  peaks.isa = InstructionSets();
  return peaks;
}

MachinePeaks MeasureMachine() {
  const c10::InferenceMode inference;
  MachinePeaks peaks = DescribeMachine();
  peaks.read_gb_per_s = MeasureReadBandwidth();
  peaks.gemm_tflops["fp32"] = MeasureGemm(at::kFloat, 2048, 4);
  peaks.gemm_tflops["bf16"] = MeasureGemm(at::kBFloat16, 2048, 4);
  return peaks;
}

double MeasuredGemmFlops(at::ScalarType type) {
  static std::mutex mutex;
  static std::map<at::ScalarType, double> known;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = known.find(type);
  if (found != known.end()) return found->second;
  const c10::InferenceMode inference;
  return known[type] = 1e12 * MeasureGemm(type, 1024, 6);
}

void FlushDenormals(bool flush) {
  at::globalContext().setFlushDenormal(flush);
  at::parallel_for(0, at::get_num_threads(), 1,
                   [flush](int64_t, int64_t) { at::globalContext().setFlushDenormal(flush); });
}

}  // namespace regroup
