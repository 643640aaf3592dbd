// The machine's measured peaks are plausible numbers.
#include "ops/machine.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>

namespace regroup {
namespace {

// Threads of the pool on which a subnormal product is not zero.
int UnflushedThreads() {  // volatile: the product must be made at run time
  static volatile float tiny = 1e-30F, small = 1e-10F;
  std::atomic<int> unflushed{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) {
    if (tiny * small != 0.0F) ++unflushed;
  });
  return unflushed;
}

TEST(Machine, SubnormalProductsAreZeroOnEveryThreadOfThePool) {
  EXPECT_EQ(UnflushedThreads(), at::get_num_threads());  // control; starts the pool
  FlushDenormals(true);
  EXPECT_EQ(UnflushedThreads(), 0);
  FlushDenormals(false);
  EXPECT_EQ(UnflushedThreads(), at::get_num_threads());
}

TEST(Machine, PeaksArePositiveAndBelowWhatAnyMachineReaches) {
  const MachinePeaks peaks = MeasureMachine();
  EXPECT_FALSE(peaks.cpu.empty());
  EXPECT_FALSE(peaks.isa.empty());
  EXPECT_GE(peaks.threads, 1);
  EXPECT_GT(peaks.read_gb_per_s, 0.1);
  EXPECT_LT(peaks.read_gb_per_s, 1e5);
  for (const char* type : {"fp32", "bf16"}) {
    EXPECT_GT(peaks.gemm_tflops.at(type), 1e-4) << type;
    EXPECT_LT(peaks.gemm_tflops.at(type), 1e4) << type;
  }
}

TEST(Machine, DescribingMeasuresNothing) {
  const MachinePeaks peaks = DescribeMachine();
  EXPECT_EQ(peaks.read_gb_per_s, 0);
  EXPECT_TRUE(peaks.gemm_tflops.empty());
}

}  // namespace
}  // namespace regroup
