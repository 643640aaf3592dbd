// AdamW with decoupled decay (Loshchilov & Hutter 2019, 1711.05101; PyTorch's form), its steps
// optionally scaled by the tensor's RMS as Adafactor does (nanoT5).
#include <ATen/ATen.h>

#include <cmath>
#include <memory>
#include <utility>

#include "optim/slots.h"

namespace regroup {
namespace {

class AdamW final : public SlotOptimizer {
 public:
  explicit AdamW(OptimizerConfig config) : config_(std::move(config)) {}

 protected:
  void Update(const std::string&, at::Tensor& p, const at::Tensor& g, double rate,
              Slots& slots) const override {
    const auto t = static_cast<double>(slots.steps + 1);
    at::Tensor& m = SlotOrZeros(slots, "m", p.sizes(), p);
    at::Tensor& v = SlotOrZeros(slots, "v", p.sizes(), p);
    m.lerp_(g, 1.0 - config_.beta1);
    v.mul_(config_.beta2).addcmul_(g, g, 1.0 - config_.beta2);
    const double root_correction = std::sqrt(1.0 - std::pow(config_.beta2, t));
    at::Tensor y = v.sqrt().div_(root_correction).add_(config_.epsilon);
    y = at::div(m, y);
    at::Tensor scale =
        at::full({}, rate / (1.0 - std::pow(config_.beta1, t)), p.options().requires_grad(false));
    if (config_.rms_scaled) scale.mul_(RootMeanSquare(p).clamp_min_(config_.minimum_scale));
    if (config_.weight_decay > 0) p.mul_(1.0 - rate * config_.weight_decay);
    p.addcmul_(y, scale, -1);
  }

  std::vector<std::vector<std::string>> SlotSets() const override { return {{"m", "v"}}; }

 private:
  OptimizerConfig config_;
};

}  // namespace

std::unique_ptr<Optimizer> MakeAdamW(const OptimizerConfig& config) {
  return std::make_unique<AdamW>(config);
}

}  // namespace regroup
