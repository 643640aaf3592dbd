// Grouped attention: multi-head, grouped-query and multi-query in one function. `model` calls it.
//   MHA  q q q q    GQA  q q q q    MQA  q q q q
//        | | | |         |/  |/          \ | | /
//        k k k k         k   k              k
#pragma once

#include <ATen/core/Tensor.h>

namespace regroup {

// What is added to the scores and multiplied onto the probabilities; undefined tensors are left
// out.
struct AttentionTerms {
  at::Tensor bias_1hts;  // [1, h, t, s], in q's type; gets a gradient
  at::Tensor mask_b1s;   // [b, 1, s], in q's type: 0, or MaskValue() where the key is padding
  at::Tensor drop_bhs;   // [b, h, s], in q's type: a dropout mask, the same for every query
};

// Heads side by side, [b, t, n*e], as heads [b, n, t, e]: a view.
at::Tensor SplitHeads(const at::Tensor& x_btn, int64_t heads);

// The large negative number that stands for "masked" in `type`. [Hugging Face: finfo(type).min]
double MaskValue(at::ScalarType type);

// softmax(q k^T + bias + mask) v for q [b, h, t, e] and k, v [b, g, s, e] with g dividing h: query
// head j reads K/V head j / (h / g), so the r = h / g query heads of a group are contiguous and
// share one matrix product with K as it lies; K and V are never expanded. No 1/sqrt(e): T5's
// initializer holds it. Softmax in fp32 (fp64 for double). Returns [b, h, t, e]. Differentiable in
// q, k, v, bias. [Ainslie et al. 2023, 2305.13245, section 2; Hugging Face T5Attention]
at::Tensor GroupedAttention(const at::Tensor& q_bhte, const at::Tensor& k_bgse,
                            const at::Tensor& v_bgse, const AttentionTerms& terms);

}  // namespace regroup
