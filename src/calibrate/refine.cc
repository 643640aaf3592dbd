// One sweep over the parent's layers; each layer's merged attentions are measured, refitted and
// distilled before the next layer is read.
#include "calibrate/refine.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "calibrate/layer_sweep.h"
#include "calibrate/moments.h"
#include "convert/narrow.h"
#include "core/random.h"
#include "core/stop.h"
#include "optim/optimizer.h"

namespace regroup {
namespace {

struct MergedSite {
  AttentionWeights weights;  // in the compute type, as refined so far
  OutputSums sums;
  OutputDamage damage;
};

class RefineVisitor final : public LayerVisitor {
 public:
  RefineVisitor(const RefineRequest& request, Conversion& merged)
      : request_(request), merged_(merged) {}

  void BeginLayer(bool decoder, int64_t layer, const StateDict& weights) override {
    const at::ScalarType compute = weights.at(NormName(decoder, layer, 0)).scalar_type();
    const auto before = AttentionsOf(decoder, layer, request_.parent->config.kv_heads);
    const auto after = AttentionsOf(decoder, layer, merged_.config.kv_heads);
    sites_.clear();
    for (size_t i = 0; i < after.size(); ++i) {
      const auto& [prefix, kv_heads] = after[i];
      if (before[i].kv_heads == kv_heads) continue;
      MergedSite& site = sites_[prefix];
      site.weights = WeightsOf(merged_.config, merged_.weights, prefix, kv_heads);
      for (at::Tensor* part : Parts(site.weights)) *part = part->to(compute).clone();
      site.damage.prefix = prefix;
    }
  }

  void See(const AttentionSeen& seen) override {
    const auto site = sites_.find(seen.prefix);
    if (site != sites_.end()) AddOutputs(seen, site->second.weights, site->second.sums);
  }

  absl::Status FinishLayer(LayerInputs& inputs) override {
    for (auto& [prefix, site] : sites_) Refit(site);
    if (request_.config.local_distillation.steps > 0) REGROUP_RETURN_IF_ERROR(Distill(inputs));
    for (auto& [prefix, site] : sites_) {
      Keep(prefix, site.weights);
      damages.push_back(site.damage);
    }
    return absl::OkStatus();
  }

  std::vector<OutputDamage> damages;

 private:
  static std::array<at::Tensor*, 4> Parts(AttentionWeights& weights) {
    return {&weights.q, &weights.k, &weights.v, &weights.o};
  }

  void Refit(MergedSite& site) const {
    site.damage.merged = site.damage.refined = OutputError(site.weights.o, site.sums);
    if (!request_.config.refit) return;
    site.weights.o = RefitOutput(site.weights.o, site.sums).to(site.weights.o.scalar_type());
    site.damage.refined = OutputError(site.weights.o, site.sums);
  }

  // Adam on the squared error relative to the output's energy, all attentions of the layer on the
  // same rows, each with its own optimizer. [docs/conversion.md]
  absl::Status Distill(LayerInputs& inputs) {
    const LocalDistillationConfig& config = request_.config.local_distillation;
    OptimizerConfig adam;
    adam.name = "adamw";
    adam.beta2 = 0.95;
    adam.rms_scaled = false;
    adam.learning_rate = {"linear", config.rate, std::min<int64_t>(10, config.steps), 0, 0};
    std::map<std::string, StateDict> trained;
    std::map<std::string, std::unique_ptr<Optimizer>> optimizers;
    for (auto& [prefix, site] : sites_) {
      optimizers[prefix] = MakeOptimizer(adam);
      StateDict& parts = trained[prefix];
      const char* names[] = {"q", "k", "v", "o"};
      for (size_t i = 0; i < 4; ++i)
        parts[names[i]] = Parts(site.weights)[i]->to(at::kFloat).clone();
    }
    for (int64_t step = 0; step < config.steps; ++step) {
      if (StopRequested()) return StoppedStatus();
      REGROUP_ASSIGN_OR_RETURN(const auto seen, inputs.Run(DrawRows(inputs.rows(), step)));
      for (const AttentionSeen& one : seen) {
        const auto site = sites_.find(one.prefix);
        if (site == sites_.end()) continue;
        StateDict& parts = trained[one.prefix];
        const StateDict gradients = Gradients(one, site->second.weights, parts);
        optimizers[one.prefix]->Step(parts, gradients,
                                     LearningRate(adam.learning_rate, step, config.steps));
      }
    }
    return TakeWhereBetter(inputs, trained);
  }

  std::vector<int64_t> DrawRows(int64_t rows, int64_t step) const {
    CounterRng rng(request_.seed, RandomPurpose::kLocalDistillation, static_cast<uint64_t>(step));
    std::vector<int64_t> drawn(
        static_cast<size_t>(std::min(rows, request_.config.local_distillation.rows)));
    for (int64_t& row : drawn) row = static_cast<int64_t>(rng.Below(static_cast<uint64_t>(rows)));
    return drawn;
  }

  static AttentionWeights With(const AttentionWeights& shape, const StateDict& parts) {
    AttentionWeights weights = shape;
    weights.q = parts.at("q"), weights.k = parts.at("k");
    weights.v = parts.at("v"), weights.o = parts.at("o");
    return weights;
  }

  static StateDict Gradients(const AttentionSeen& seen, const AttentionWeights& shape,
                             const StateDict& parts) {
    const at::AutoGradMode grad(true);
    StateDict leaves;
    for (const auto& [name, tensor] : parts) leaves[name] = tensor.detach().requires_grad_(true);
    const double energy = OutputEnergy(seen);
    (SquaredError(seen, With(shape, leaves)) * (energy > 0 ? 1 / energy : 0)).backward();
    StateDict gradients;
    for (const auto& [name, leaf] : leaves) gradients[name] = leaf.grad();
    return gradients;
  }

  // What was trained is taken only where all rows together say that it is better.
  absl::Status TakeWhereBetter(LayerInputs& inputs,
                               const std::map<std::string, StateDict>& trained) {
    const at::NoGradGuard no_grad;
    std::map<std::string, double> error, energy;
    for (int64_t first = 0; first < inputs.rows(); first += request_.micro_batch) {
      REGROUP_ASSIGN_OR_RETURN(const auto seen,
                               inputs.Run(RowRange(first, request_.micro_batch, inputs.rows())));
      for (const AttentionSeen& one : seen) {
        const auto site = sites_.find(one.prefix);
        if (site == sites_.end()) continue;
        const AttentionWeights weights = With(site->second.weights, trained.at(one.prefix));
        error[one.prefix] += SquaredError(one, weights).item<double>();
        energy[one.prefix] += OutputEnergy(one);
      }
    }
    for (auto& [prefix, site] : sites_) {
      const double damage = energy[prefix] > 0 ? error[prefix] / energy[prefix] : 0;
      if (!(damage < site.damage.refined)) continue;
      site.damage.refined = damage;
      site.weights = With(site.weights, trained.at(prefix));
    }
    return absl::OkStatus();
  }

  void Keep(const std::string& prefix, const AttentionWeights& weights) {
    const auto keep = [&](const char* part, const at::Tensor& tensor) {
      at::Tensor& old = merged_.weights.at(prefix + part);
      old = NarrowOnce(tensor.to(at::kCPU, at::kDouble), old.scalar_type());
    };
    if (request_.config.refit || request_.config.local_distillation.steps > 0)
      keep(".o.weight", weights.o);
    if (request_.config.local_distillation.steps == 0) return;
    keep(".q.weight", weights.q);
    keep(".k.weight", weights.k);
    keep(".v.weight", weights.v);
  }

  const RefineRequest& request_;
  Conversion& merged_;
  std::map<std::string, MergedSite> sites_;
};

}  // namespace

absl::StatusOr<std::vector<OutputDamage>> Refine(const RefineRequest& request, Conversion& merged) {
  const KvHeads &before = request.parent->config.kv_heads, &after = merged.config.kv_heads;
  if (before == after) return std::vector<OutputDamage>{};
  SweepOptions options;
  options.folder = request.folder;
  options.micro_batch = request.micro_batch;
  options.device = at::Device(request.device);
  options.encoder = before.encoder_self != after.encoder_self;
  options.what = "measuring the merged heads";
  std::error_code ignored;
  std::filesystem::remove_all(options.folder, ignored);  // of a conversion that was stopped
  RefineVisitor visitor(request, merged);
  const absl::Status swept = SweepLayers(request.parent->config, request.parent->weights,
                                         request.calibration->rows, options, visitor);
  std::filesystem::remove_all(options.folder, ignored);
  REGROUP_RETURN_IF_ERROR(swept);
  return visitor.damages;
}

}  // namespace regroup
