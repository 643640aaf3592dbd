// What this machine can do at most: read bandwidth and matrix-multiply rate, measured, with its
// name beside. The floors of `bench decode` and the lines of `doctor` come from here.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <string>

namespace regroup {

struct MachinePeaks {
  std::string cpu;  // model name
  int64_t threads = 0;
  std::string isa;           // "avx2 avx512f avx512_bf16": those that decide about speed here
  double read_gb_per_s = 0;  // 10^9 bytes per second, all threads, from memory
  std::map<std::string, double>
      gemm_tflops;  // "fp32", "bf16": square products of 2048, all threads
};

// Best of several tries each; about a second, 512 MiB of memory for a moment.
MachinePeaks MeasureMachine();

// Name, threads and instruction sets only; the rates stay 0.
MachinePeaks DescribeMachine();

// Rate of square at::mm products of 1024 (kFloat or kBFloat16) in FLOP/s at the current number of
// threads; measured once per process and type. The trainer's MFU divides by it.
double MeasuredGemmFlops(at::ScalarType type);

// Subnormal gradients cost a factor of several on CPUs: from here on they are zero (or, with false,
// exact again), on this thread and on every thread of the pool, which is started for it.
void FlushDenormals(bool flush);

}  // namespace regroup
