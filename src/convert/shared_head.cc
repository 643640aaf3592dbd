// The methods of merging. Rows are head coordinates: W_n is [e, d], as Hugging Face's weights lie.
#include "convert/shared_head.h"

#include <ATen/ATen.h>

#include <tuple>

#include "core/status.h"

namespace regroup {
namespace {

constexpr double kRidge = 1e-4;          // of the mean eigenvalue
constexpr double kLeastSingular = 1e-6;  // of the largest: what scales the rows of S

double MeanNorm(const at::Tensor& heads_ned) {
  return heads_ned.flatten(1).norm(2, 1).mean().item<double>();
}

at::Tensor WithNorm(const at::Tensor& x, double norm) {
  const double now = x.norm().item<double>();
  return now > 0 ? x * (norm / now) : x;
}

// R_n with R_n^T R_n = moment_n; what rounding made negative counts as zero.
at::Tensor Root(const at::Tensor& moment_nee) {
  const auto [values_ne, vectors_nee] = at::linalg_eigh(moment_nee);
  return values_ne.clamp_min(0).sqrt().unsqueeze(-1) * vectors_nee.transpose(1, 2);
}

// trace(G_n W_n C W_n^T) over all n.
double Cost(const at::Tensor& w_ned, const HeadMetric& metric) {
  const at::Tensor right = metric.input_dd.defined() ? at::matmul(w_ned, metric.input_dd) : w_ned;
  const at::Tensor left =
      metric.output_nee.defined() ? at::matmul(metric.output_nee, w_ned) : w_ned;
  return (left * right).sum().item<double>();
}

// One round of Procrustes: every head turned towards `target`.
at::Tensor RotationsTo(const at::Tensor& target_ed, const at::Tensor& heads_ned) {
  const auto [u, s, vt] = at::linalg_svd(at::matmul(heads_ned, target_ed.t()), false);
  return at::matmul(u, vt);  // A_n that minimizes |W_n - A_n T|
}

at::Tensor Approximation(const SharedHead& by, const at::Tensor& heads_ned) {
  return by.maps_nee.defined() ? at::matmul(by.maps_nee, by.shared_ed)
                               : by.shared_ed.expand_as(heads_ned);
}

}  // namespace

at::Tensor Ridged(const at::Tensor& moment) {
  const at::Tensor mean = moment.diagonal(0, -2, -1).mean(-1);
  const at::Tensor added = at::where(mean > 0, mean * kRidge, at::ones_like(mean));
  return moment + at::eye(moment.size(-1), moment.options()) * added.unsqueeze(-1).unsqueeze(-1);
}

SharedHead MeanHead(const at::Tensor& heads_ned) { return {heads_ned.mean(0), {}}; }

SharedHead FirstHead(const at::Tensor& heads_ned) { return {heads_ned.select(0, 0), {}}; }

SharedHead NormRestoredMean(const at::Tensor& heads_ned) {
  return {WithNorm(heads_ned.mean(0), MeanNorm(heads_ned)), {}};
}

SharedHead ProcrustesHead(const at::Tensor& heads_ned) {
  constexpr int kRounds = 100;
  constexpr double kLeastGain = 1e-7;
  at::Tensor target = heads_ned.select(0, 0), maps_nee;
  double before = 0;
  for (int round = 0; round < kRounds; ++round) {
    maps_nee = RotationsTo(target, heads_ned);
    target = at::matmul(maps_nee.transpose(1, 2), heads_ned).mean(0);
    const double norm = target.norm().item<double>();
    if (norm - before < kLeastGain * norm) break;
    before = norm;
  }
  return {WithNorm(target, MeanNorm(heads_ned)), maps_nee};
}

SharedHead JointSvdHead(const at::Tensor& heads_ned, const HeadMetric& metric) {
  const int64_t e = heads_ned.size(1), d = heads_ned.size(2);
  REGROUP_CHECK(e <= d, "a head is wider than the model");
  // B = [R_n W_n F] one below the other, with C = F F^T and G_n = R_n^T R_n.
  const at::Tensor factor = metric.input_dd.defined() ? at::linalg_cholesky(metric.input_dd)
                                                      : at::eye(d, heads_ned.options());
  const at::Tensor seen_ned = at::matmul(heads_ned, factor);
  const at::Tensor weighted_ned =
      metric.output_nee.defined() ? at::matmul(Root(metric.output_nee), seen_ned) : seen_ned;
  const auto [u, s, vt] = at::linalg_svd(weighted_ned.flatten(0, 1), /*full_matrices=*/false);
  const at::Tensor basis_ed = vt.narrow(0, 0, e), sizes_e = s.narrow(0, 0, e);
  const double largest = sizes_e[0].item<double>();
  if (!(largest > 0)) return MeanHead(heads_ned);  // nothing that costs anything
  const at::Tensor scale_e1 = sizes_e.clamp_min(largest * kLeastSingular).sqrt().unsqueeze(1);
  const at::Tensor rows_ed = at::linalg_solve_triangular(factor, basis_ed * scale_e1,
                                                         /*upper=*/false, /*left=*/false);
  const double gauge = MeanNorm(heads_ned) / rows_ed.norm().item<double>();
  // The least-squares optimum for this S: A_n S F = W_n F projected on the basis.
  const at::Tensor maps_nee = at::matmul(seen_ned, (basis_ed / (scale_e1 * gauge)).t());
  return {rows_ed * gauge, maps_nee};
}

double WeightedEnergy(const at::Tensor& heads_ned, const HeadMetric& metric) {
  return Cost(heads_ned, metric);
}

double WeightedLoss(const at::Tensor& heads_ned, const HeadMetric& metric, const SharedHead& by) {
  return Cost(heads_ned - Approximation(by, heads_ned), metric);
}

}  // namespace regroup
