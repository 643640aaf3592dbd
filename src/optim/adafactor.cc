// Adafactor exactly as T5X computes it (t5x/adafactor.py): second moments factored over the two
// largest axes where both are long, updates clipped by RMS, steps scaled by the tensor's RMS.
// [Shazeer & Stern 2018, 1804.04235]
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "optim/slots.h"

namespace regroup {
namespace {

constexpr int64_t kMinFactoredSize = 128;
constexpr double kTiny = 1e-30;

struct FactoredAxes {
  int64_t largest;
  int64_t second;
};

// nullopt: too small in one direction to be worth factoring. Ties go to the later axis.
std::optional<FactoredAxes> AxesToFactor(at::IntArrayRef sizes) {
  if (sizes.size() < 2) return std::nullopt;
  std::vector<int64_t> order(sizes.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::ranges::stable_sort(order, {},
                           [&](int64_t axis) { return sizes[static_cast<size_t>(axis)]; });
  const int64_t second = order[order.size() - 2];
  if (sizes[static_cast<size_t>(second)] < kMinFactoredSize) return std::nullopt;
  return FactoredAxes{order.back(), second};
}

std::vector<int64_t> Without(at::IntArrayRef sizes, int64_t axis) {
  std::vector<int64_t> rest = sizes.vec();
  rest.erase(rest.begin() + axis);
  return rest;
}

class Adafactor final : public SlotOptimizer {
 public:
  explicit Adafactor(OptimizerConfig config) : config_(std::move(config)) {}

 protected:
  void Update(const std::string&, at::Tensor& p, const at::Tensor& g, double rate,
              Slots& slots) const override {
    const double decay =
        1.0 - std::pow(static_cast<double>(slots.steps) + 1.0, -config_.decay_rate);
    at::Tensor scale = at::full({}, rate, p.options().requires_grad(false));
    if (config_.multiply_by_parameter_scale) {
      scale.mul_(RootMeanSquare(p).clamp_min_(config_.minimum_scale));
    }
    const auto axes = AxesToFactor(p.sizes());
    const at::Tensor y = axes ? Factored(g, *axes, decay, slots) : Full(g, decay, slots);
    if (config_.update_clip > 0) {
      scale.div_(RootMeanSquare(y).div_(config_.update_clip).clamp_min_(1.0));
    }
    if (config_.weight_decay > 0) p.mul_(1.0 - config_.weight_decay);
    p.addcmul_(y, scale, -1);
  }

  std::vector<std::vector<std::string>> SlotSets() const override { return {{"vc", "vr"}, {"v"}}; }

 private:
  static at::Tensor Factored(const at::Tensor& g, FactoredAxes axes, double decay, Slots& slots) {
    const at::Tensor squares = g.square();
    at::Tensor& vr = SlotOrZeros(slots, "vr", Without(g.sizes(), axes.largest), g);
    at::Tensor& vc = SlotOrZeros(slots, "vc", Without(g.sizes(), axes.second), g);
    vr.lerp_(squares.mean(axes.largest).add_(kTiny), 1.0 - decay);
    vc.lerp_(squares.mean(axes.second).add_(kTiny), 1.0 - decay);
    const int64_t second_in_vr = axes.second - (axes.second > axes.largest ? 1 : 0);
    const at::Tensor row = vr.div(vr.mean(second_in_vr, /*keepdim=*/true)).rsqrt_();
    return g.mul(row.unsqueeze(axes.largest)).mul_(vc.rsqrt().unsqueeze(axes.second));
  }

  static at::Tensor Full(const at::Tensor& g, double decay, Slots& slots) {
    at::Tensor& v = SlotOrZeros(slots, "v", g.sizes(), g);
    v.lerp_(g.square().add_(kTiny), 1.0 - decay);
    return g.mul(v.rsqrt());
  }

  OptimizerConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> MakeAdafactor(const OptimizerConfig& config) {
  return std::make_unique<Adafactor>(config);
}

}  // namespace regroup
