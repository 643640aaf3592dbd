// The aligned and weighted merges against numpy in the other layout (make_merge_golden.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "convert/convert_config.h"
#include "convert/merge_attention.h"
#include "core/files.h"
#include "core/json.h"

namespace regroup {
namespace {

// The script has the same formula.
at::Tensor Draw(int64_t rows, int64_t columns, int64_t seed) {
  at::Tensor x = at::empty({rows, columns}, at::kDouble);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t value = i * i * 37 + i * 11 + j * j * 101 + j * 7 + i * j * 29 + seed * 53;
      x[i][j] = static_cast<double>(value % 509 - 254) / 256.0;
    }
  }
  return x;
}

at::Tensor Moment(int64_t size, int64_t seed) {
  const at::Tensor x = Draw(3 * size, size, seed);
  return at::mm(x.t(), x) / static_cast<double>(3 * size);
}

// Per query head Q_h^T K_g and the transpose of O_h V_g: what an attention computes with.
struct Forms {
  at::Tensor logits_hdd, outputs_hdd;
};
Forms FormsOf(const AttentionWeights& w, int64_t e) {
  const int64_t r = w.heads / w.kv_heads;
  const auto heads = [&](const at::Tensor& x, int64_t n) { return x.unflatten(0, {n, e}); };
  const at::Tensor k_hed = heads(w.k, w.kv_heads).repeat_interleave(r, 0);
  const at::Tensor v_hed = heads(w.v, w.kv_heads).repeat_interleave(r, 0);
  const at::Tensor o_hed = heads(w.o.t().contiguous(), w.heads);
  return {at::matmul(heads(w.q, w.heads).transpose(1, 2), k_hed),
          at::matmul(v_hed.transpose(1, 2), o_hed)};
}

double Difference(const at::Tensor& ours, const Json& golden) {
  const at::Tensor theirs = at::tensor(golden.get<std::vector<double>>(), at::kDouble);
  return ((ours.flatten() - theirs).abs().max() / theirs.abs().max()).item<double>();
}

TEST(MergeGolden, AlignedAndWeightedMergesEqualNumpy) {
  const Json golden = ReadJsonFile(JoinPath(REGROUP_GOLDEN_DIR, "merge_golden.json")).value();
  const int64_t h = golden["heads"], e = golden["e"], d = golden["d"];
  const AttentionWeights parent{
      Draw(h * e, d, 1), Draw(h * e, d, 2), Draw(h * e, d, 3), Draw(d, h * e, 4), h, h};
  std::vector<at::Tensor> queries;
  for (int64_t head = 0; head < h; ++head) queries.push_back(Moment(e, 7 + head));
  const SiteStatistics statistics{Moment(d, 5), at::stack(queries), Moment(d, 6)};
  for (const Json& c : golden["cases"]) {
    const std::string method = c["method"];
    const int64_t groups = c["groups"];
    const MergedAttention merged =
        MergeAttention(parent, ContiguousGroups(h, groups), *FindMergeMethod(method), &statistics);
    const Forms forms = FormsOf(merged.weights, e);
    // Procrustes stops where a round gains 1e-7: the two may stop a round apart.
    const double tolerance = method == "procrustes" ? 1e-5 : 1e-10;
    EXPECT_LT(Difference(forms.logits_hdd, c["logits"]), tolerance) << method << groups;
    EXPECT_LT(Difference(forms.outputs_hdd, c["outputs"]), tolerance) << method << groups;
    // The control: statistics of other heads are another merge.
    SiteStatistics other = statistics;
    other.query_moment_hee = statistics.query_moment_hee.flip(0);
    const Forms wrong = FormsOf(
        MergeAttention(parent, ContiguousGroups(h, groups), *FindMergeMethod(method), &other)
            .weights,
        e);
    EXPECT_EQ(Difference(wrong.logits_hdd, c["logits"]) > 1e-3, MergeWeighs(method));
  }
}

}  // namespace
}  // namespace regroup
