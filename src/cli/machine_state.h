// The machine as this process may use it now: cores, memory, disk, load and settings, as far as
// they decide whether a run goes well. `doctor` prints it.
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"

namespace regroup {

// What a file of one number says; -1 where there is none or it says "max".
int64_t NumberInFile(const std::string& path);

struct MachineState {
  int64_t cores = 0;                               // of the machine
  int64_t allowed_cores = 0;                       // of this process, by its affinity
  double quota_cores = 0;                          // that the control group allows; 0: no limit
  int64_t threads = 0;                             // LibTorch's
  double load = 0;                                 // mean of the last minute
  int64_t memory_total = 0, memory_available = 0;  // bytes; available: within the group's limit
  int64_t memory_limit = 0;                        // of the control group; 0: none
  int64_t swap_used = 0;
  int64_t disk_free = 0;   // where runs go
  std::string huge_pages;  // "always", "madvise", "never"; "" unknown
  std::string capability;  // which kernels ATen takes: "AVX512"
  std::string isa;         // what the processor has
  bool flushes_denormals = false;
  bool cuda = false, cuda_built = false, nccl_built = false;
  bool waits_set = false;  // OMP_WAIT_POLICY or GOMP_SPINCOUNT
  std::string home;        // folder of the shipped recipes; "" none
};

// Reads /proc, /sys and the environment; measures nothing. `folder`: where runs go.
MachineState ReadMachineState(const std::string& folder);

// [{"what", "cost", "do"}], the worst first. `gemm`: {"fp32", "bf16"} in TFLOP/s.
Json Findings(const MachineState& state, const Json& gemm);

}  // namespace regroup
