// One shared head for the heads of a group: the methods, a function each, on K and V alike. Pure
// functions in fp64; regroup.cc views weights as heads, calls one of them and folds the maps.
//
// Why alignment is free in T5: no rotary embedding and no bias stand between W_q and W_k or between
// W_v and W_o, so that head n may be replaced by any W_n ~ A_n S if A_n goes into the other side:
// K: Q_n <- A_n^T Q_n; V: O_n <- O_n A_n. What is shared is S; the maps cost nothing at run time.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace regroup {

// W_n ~ A_n S for the heads n of a group. Legend: n heads of the group, e head width, d model
// width.
struct SharedHead {
  at::Tensor shared_ed;
  at::Tensor maps_nee;  // undefined: all A_n are the identity, nothing is folded
};

// What an error of the heads costs: sum over n of trace(G_n E_n C E_n^T) with E_n = W_n - A_n S.
// For K, C is the covariance of the keys' input within a sequence (softmax ignores what is the same
// for all keys) and G_n = E[q^T q]: the error of the logits, queries and keys taken as independent.
// For V, C is the second moment of the attention-averaged input and G_n = O_n^T O_n: the error of
// the output, head by head.
struct HeadMetric {
  at::Tensor input_dd;    // C, positive definite; undefined: identity
  at::Tensor output_nee;  // G_n, positive semidefinite; undefined: identity
};

// A measured moment [..., k, k] with its eigenvalues raised by 1e-4 of their mean: directions that
// the rows never took count a little, and C can be inverted. A moment of zero becomes the identity.
at::Tensor Ridged(const at::Tensor& moment);

// [Ainslie et al. 2023, section 2.1, figure 4]
SharedHead MeanHead(const at::Tensor& heads_ned);
SharedHead FirstHead(const at::Tensor& heads_ned);

// The mean, scaled so that its Frobenius norm is the mean of its members'.
SharedHead NormRestoredMean(const at::Tensor& heads_ned);

// Generalized Procrustes: rotations A_n that agree best, their mean, its norm restored.
// [Gower 1975; for heads: 2412.20677, there with its norm as it falls]
SharedHead ProcrustesHead(const at::Tensor& heads_ned);

// The S and A_n that cost least under `metric`: a truncated singular value decomposition of the
// weighted heads one below the other. S has a free gauge: its rows carry the square roots of the
// singular values, and its Frobenius norm is its members' mean. [2412.20677 aligns; the joint
// decomposition is our own, docs/conversion.md]
SharedHead JointSvdHead(const at::Tensor& heads_ned, const HeadMetric& metric);

// What the heads themselves cost (S = 0), and what is lost with `by` in their place.
double WeightedEnergy(const at::Tensor& heads_ned, const HeadMetric& metric);
double WeightedLoss(const at::Tensor& heads_ned, const HeadMetric& metric, const SharedHead& by);

}  // namespace regroup
