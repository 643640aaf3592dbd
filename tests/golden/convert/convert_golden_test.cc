// Head merging against numpy (make_convert_golden.py); the strided grouping is the control that
// must differ.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "convert/narrow.h"
#include "convert/regroup.h"
#include "core/files.h"
#include "core/json.h"

namespace regroup {
namespace {

at::Tensor Weights(int64_t heads, int64_t seed, int64_t e, int64_t d) {
  at::Tensor kv = at::empty({heads * e, d}, at::kDouble);
  for (int64_t i = 0; i < heads * e; ++i) {
    for (int64_t j = 0; j < d; ++j) {
      kv[i][j] = static_cast<double>((i * 37 + j * 101 + seed * 53) % 509 - 254) / 1024.0;
    }
  }
  return kv;
}

at::Tensor Merge(const at::Tensor& kv, int64_t heads, int64_t groups, const char* method) {
  const at::Tensor rest = at::zeros({kv.size(0), kv.size(1)}, at::kDouble);
  const MergedAttention merged =
      MergeAttention({rest, kv, kv, rest.t(), heads, heads}, ContiguousGroups(heads, groups),
                     *FindMergeMethod(method), nullptr);
  EXPECT_TRUE(at::equal(merged.weights.k, merged.weights.v));
  return NarrowOnce(merged.weights.k, kv.scalar_type());
}

bool Equals(const at::Tensor& ours, const Json& golden) {
  const at::Tensor theirs = at::tensor(golden.get<std::vector<double>>(), at::kDouble);
  return at::equal(ours.to(at::kDouble).flatten(), theirs);
}

TEST(ConvertGolden, MergingEqualsNumpyBitForBit) {
  const Json golden = ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, "convert_golden.json")).value();
  for (const Json& c : golden["cases"]) {
    const int64_t heads = c["heads"], groups = c["groups"];
    const at::Tensor kv = Weights(heads, c["seed"], golden["e"], golden["d"]).to(at::kFloat);
    const at::Tensor mean = Merge(kv, heads, groups, "mean");
    EXPECT_TRUE(Equals(mean, c["mean"])) << heads << " to " << groups;
    EXPECT_TRUE(Equals(Merge(kv.to(at::kHalf), heads, groups, "mean"), c["mean_f16"]))
        << heads << " to " << groups;
    EXPECT_TRUE(Equals(Merge(kv, heads, groups, "first"), c["first"])) << heads << " to " << groups;
    EXPECT_TRUE(Equals(ExpandHeads(mean, groups, heads), c["expanded"]))
        << heads << " to " << groups;
    const bool one_way_only = groups == 1 || groups == heads;
    EXPECT_EQ(Equals(mean, c["strided_control"]), one_way_only) << heads << " to " << groups;
  }
}

}  // namespace
}  // namespace regroup
