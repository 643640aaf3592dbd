// W_o fitted anew to heads that were merged, in closed form. Pure functions of sums that
// `calibrate` makes while the parent's rows stream by.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace regroup {

// Over real query tokens, fp64: Z are the concatenated outputs of the merged heads [n tokens, h*e]
// on the parent's inputs, out the parent's own output [n tokens, d].
struct OutputSums {
  at::Tensor heads_nn;      // Z^T Z
  at::Tensor heads_out_nd;  // Z^T out
  double out_energy = 0;    // |out|^2
  int64_t tokens = 0;
};

// W_o <- W_o + (Z^T Z + rho I)^-1 Z^T (out - Z W_o), rho = 1e-3 of the mean diagonal: the least
// squares that stay near W_o, so the error never grows. o_dn [d, h*e], any dtype; fp64 out.
at::Tensor RefitOutput(const at::Tensor& o_dn, const OutputSums& sums);

// |out - Z W_o|^2 / |out|^2, 0 where the parent's output is zero.
double OutputError(const at::Tensor& o_dn, const OutputSums& sums);

}  // namespace regroup
