// Normal equations with a ridge.
#include "convert/output_refit.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace regroup {
namespace {
constexpr double kRidge = 1e-3;
}  // namespace

at::Tensor RefitOutput(const at::Tensor& o_dn, const OutputSums& sums) {
  const at::Tensor before_nd = o_dn.to(at::kDouble).t();
  const double rho = kRidge * sums.heads_nn.diagonal().mean().item<double>();
  if (!(rho > 0)) return before_nd.t();  // heads that give nothing
  const at::Tensor ridged_nn =
      sums.heads_nn + rho * at::eye(sums.heads_nn.size(0), sums.heads_nn.options());
  const at::Tensor missing_nd = sums.heads_out_nd - at::mm(sums.heads_nn, before_nd);
  const at::Tensor step_nd =
      at::cholesky_solve(missing_nd, at::linalg_cholesky(ridged_nn), /*upper=*/false);
  return (before_nd + step_nd).t();
}

double OutputError(const at::Tensor& o_dn, const OutputSums& sums) {
  if (!(sums.out_energy > 0)) return 0;
  const at::Tensor o_nd = o_dn.to(at::kDouble).t();
  const double shared = (o_nd * sums.heads_out_nd).sum().item<double>();
  const double own = (o_nd * at::mm(sums.heads_nn, o_nd)).sum().item<double>();
  return std::max(0.0, (sums.out_energy - 2 * shared + own) / sums.out_energy);
}

}  // namespace regroup
