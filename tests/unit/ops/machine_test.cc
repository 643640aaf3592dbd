// The machine's measured peaks are plausible numbers.
#include "ops/machine.h"

#include <gtest/gtest.h>

namespace regroup {
namespace {

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
