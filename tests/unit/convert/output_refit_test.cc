// The refit: exact where the heads hold what is missing, never worse, and its error the measured
// one.
#include "convert/output_refit.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace regroup {
namespace {

at::Tensor Draw(std::vector<int64_t> shape, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::kDouble);
}

OutputSums SumsOf(const at::Tensor& z_tn, const at::Tensor& out_td) {
  return {at::mm(z_tn.t(), z_tn), at::mm(z_tn.t(), out_td), out_td.square().sum().item<double>(),
          z_tn.size(0)};
}

double Measured(const at::Tensor& o_dn, const at::Tensor& z_tn, const at::Tensor& out_td) {
  const at::Tensor error = out_td - at::mm(z_tn, o_dn.t());
  return (error.square().sum() / out_td.square().sum()).item<double>();
}

TEST(OutputRefit, FindsTheProjectionThatTheHeadsHold) {
  const at::Tensor z = Draw({200, 6}, 1), right = Draw({5, 6}, 2);
  const OutputSums sums = SumsOf(z, at::mm(z, right.t()));
  const at::Tensor found = RefitOutput(right + 0.1 * Draw({5, 6}, 3), sums);
  EXPECT_LT((found - right).abs().max().item<double>(), 1e-3);  // the ridge of 1e-3
  EXPECT_LT(OutputError(found, sums), 1e-6);
}

TEST(OutputRefit, NeverRaisesTheErrorAndTheErrorIsTheMeasuredOne) {
  for (uint64_t seed = 10; seed < 20; ++seed) {
    at::Tensor z = Draw({30, 8}, seed);
    if (seed % 2 == 0) z.select(1, 3).copy_(z.select(1, 2));  // heads that say the same
    const at::Tensor out = Draw({30, 4}, seed + 100), o = Draw({4, 8}, seed + 200);
    const OutputSums sums = SumsOf(z, out);
    const at::Tensor refitted = RefitOutput(o, sums);
    EXPECT_NEAR(OutputError(o, sums), Measured(o, z, out), 1e-10);
    EXPECT_NEAR(OutputError(refitted, sums), Measured(refitted, z, out), 1e-10);
    EXPECT_LT(OutputError(refitted, sums), OutputError(o, sums));
  }
}

TEST(OutputRefit, ProjectionsThatAreRightStay) {
  const at::Tensor z = Draw({50, 6}, 30), o = Draw({4, 6}, 31);
  const OutputSums sums = SumsOf(z, at::mm(z, o.t()));
  EXPECT_LT((RefitOutput(o, sums) - o).abs().max().item<double>(), 1e-12);
}

TEST(OutputRefit, HeadsThatGiveNothingLeaveItAlone) {
  const at::Tensor o = Draw({4, 6}, 40);
  const OutputSums sums = SumsOf(at::zeros({10, 6}, at::kDouble), Draw({10, 4}, 41));
  EXPECT_TRUE(RefitOutput(o, sums).equal(o));
  EXPECT_EQ(OutputError(o, SumsOf(Draw({10, 6}, 42), at::zeros({10, 4}, at::kDouble))), 0);
}

}  // namespace
}  // namespace regroup
