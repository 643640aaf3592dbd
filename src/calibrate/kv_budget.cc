// One sweep measures every possible number of heads of every attention; then a knapsack.
#include "calibrate/kv_budget.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "calibrate/layer_sweep.h"
#include "calibrate/moments.h"
#include "convert/regroup.h"

namespace regroup {
namespace {

struct Candidate {
  int64_t groups = 0;
  AttentionWeights weights;  // in the compute type
  double error = 0, energy = 0;
};

AttentionWeights As(AttentionWeights weights, at::ScalarType type) {
  for (at::Tensor* part : {&weights.q, &weights.k, &weights.v, &weights.o}) *part = part->to(type);
  return weights;
}

// Measures every attention with each smaller number of heads.
class OptionsVisitor final : public LayerVisitor {
 public:
  OptionsVisitor(const BudgetRequest& request, const MergeMethod& method)
      : request_(request), method_(method) {
    const std::vector<std::string> sites = SitesOf(request.convert);
    for (const AttentionPlace& place : AttentionPlaces(request.parent->config.kv_heads)) {
      if (std::ranges::find(sites, place.site) != sites.end()) asked_.insert(place.prefix);
    }
  }

  void BeginLayer(bool decoder, int64_t layer, const StateDict& weights) override {
    candidates_.clear();
    const T5Config& config = request_.parent->config;
    const Statistics& statistics = request_.calibration->statistics;
    for (const auto& [prefix, kv_heads] : AttentionsOf(decoder, layer, config.kv_heads)) {
      if (!asked_.contains(prefix)) continue;
      const AttentionWeights parent = WeightsOf(config, weights, prefix, kv_heads);
      const auto found = statistics.find(prefix);
      for (int64_t groups = 1; groups < kv_heads; ++groups) {
        if (kv_heads % groups != 0) continue;
        const MergedAttention merged =
            MergeAttention(parent, ContiguousGroups(kv_heads, groups), method_,
                           found == statistics.end() ? nullptr : &found->second);
        candidates_[prefix].push_back({groups, As(merged.weights, parent.q.scalar_type()), 0, 0});
      }
    }
  }

  void See(const AttentionSeen& seen) override {
    for (Candidate& candidate : candidates_[seen.prefix]) {
      candidate.error += SquaredError(seen, candidate.weights).item<double>();
      candidate.energy += OutputEnergy(seen);
    }
  }

  absl::Status FinishLayer(LayerInputs&) override {
    for (const auto& [prefix, candidates] : candidates_) {
      for (const Candidate& one : candidates)
        errors[prefix][one.groups] = one.energy > 0 ? one.error / one.energy : 0;
    }
    return absl::OkStatus();
  }

  std::map<std::string, std::map<int64_t, double>> errors;  // by prefix and K/V heads

 private:
  const BudgetRequest& request_;
  const MergeMethod& method_;
  std::set<std::string> asked_;  // prefixes of the attentions of the sites
  std::map<std::string, std::vector<Candidate>> candidates_;
};

absl::StatusOr<std::vector<AttentionOptions>> Measure(const BudgetRequest& request,
                                                      const MergeMethod& method) {
  const std::vector<std::string> sites = SitesOf(request.convert);
  SweepOptions options;
  options.folder = request.folder;
  options.micro_batch = request.micro_batch;
  options.device = at::Device(request.device);
  options.encoder = std::ranges::find(sites, "encoder_self") != sites.end();
  options.what = "measuring numbers of heads";
  std::error_code ignored;
  std::filesystem::remove_all(options.folder, ignored);  // of a conversion that was stopped
  OptionsVisitor visitor(request, method);
  const absl::Status swept = SweepLayers(request.parent->config, request.parent->weights,
                                         request.calibration->rows, options, visitor);
  std::filesystem::remove_all(options.folder, ignored);
  REGROUP_RETURN_IF_ERROR(swept);
  std::vector<AttentionOptions> attentions;
  KvHeads before = request.parent->config.kv_heads;
  for (const AttentionPlace& place : AttentionPlaces(before)) {
    if (std::ranges::find(sites, place.site) == sites.end()) continue;
    AttentionOptions& attention = attentions.emplace_back(AttentionOptions{place, {}});
    for (const auto& [groups, error] : visitor.errors[place.prefix])
      attention.options.push_back({groups, 0, error});
    const int64_t all = before.Of(place.site)[static_cast<size_t>(place.layer)];
    attention.options.push_back({all, 0, 0});
  }
  return attentions;
}

int64_t TokensPerRow(const Calibration& calibration, const char* key) {
  const auto rows = static_cast<double>(calibration.rows.size());
  return std::max<int64_t>(1, std::llround(calibration.description.at(key).get<double>() / rows));
}

HeadChoice Chosen(const BudgetRequest& request, const std::vector<AttentionOptions>& attentions,
                  const std::vector<size_t>& picks) {
  HeadChoice choice{request.parent->config.kv_heads, 0, 0};
  int64_t bytes = 0, all = 0;
  for (size_t i = 0; i < attentions.size(); ++i) {
    const HeadOption& option = attentions[i].options[picks[i]];
    const AttentionPlace& place = attentions[i].place;
    choice.heads.Of(place.site)[static_cast<size_t>(place.layer)] = option.kv_heads;
    choice.error += option.error;
    bytes += option.bytes;
    all += attentions[i].options.back().bytes;
  }
  choice.share = static_cast<double>(bytes) / static_cast<double>(all);
  return choice;
}

// The picks that give every attention `kv_heads`; nullopt where one cannot have as many.
std::optional<std::vector<size_t>> Uniform(const std::vector<AttentionOptions>& attentions,
                                           int64_t kv_heads) {
  std::vector<size_t> picks;
  for (const AttentionOptions& attention : attentions) {
    const auto option = std::ranges::find(attention.options, kv_heads, &HeadOption::kv_heads);
    if (option == attention.options.end()) return std::nullopt;
    picks.push_back(static_cast<size_t>(option - attention.options.begin()));
  }
  return picks;
}

}  // namespace

absl::StatusOr<BudgetChoice> ChooseKvHeads(const BudgetRequest& request) {
  const MergeMethod* method = FindMergeMethod(request.convert.method);
  if (method == nullptr)
    return UserError("kv_budget", absl::StrCat("the method ", request.convert.method,
                                               " draws its heads: nothing says which attention "
                                               "needs more; give kv_heads"));
  ConvertConfig all = request.convert;  // the sites are checked by asking for one head everywhere
  all.kv_heads = 1;
  REGROUP_ASSIGN_OR_RETURN(const KvHeads least, TargetKvHeads(request.parent->config, all));
  REGROUP_RETURN_IF_ERROR(
      CheckStatistics(request.parent->config, least, request.calibration->statistics));
  BudgetChoice choice;
  choice.budget = *request.convert.kv_budget;
  choice.source_tokens = TokensPerRow(*request.calibration, "source_tokens");
  choice.target_tokens = TokensPerRow(*request.calibration, "target_tokens");
  REGROUP_ASSIGN_OR_RETURN(choice.attentions, Measure(request, *method));
  int64_t bytes = 0;
  for (AttentionOptions& attention : choice.attentions) {
    const bool self = attention.place.site == "decoder_self";
    for (HeadOption& option : attention.options)
      option.bytes = option.kv_heads * (self ? choice.target_tokens : choice.source_tokens);
    bytes += attention.options.back().bytes;
  }
  // A share that is meant exactly (1/3 as 33.3333 %) must not fail by its last digit.
  const auto room = static_cast<int64_t>(choice.budget * static_cast<double>(bytes) * (1 + 1e-4));
  const auto picks = PickWithin(choice.attentions, room);
  if (!picks.has_value()) {
    const auto fewest = Uniform(choice.attentions, 1);
    return UserError(
        "kv_budget",
        absl::StrFormat("found %g %%, but one K/V head in every attention takes %.3g %% "
                        "of the bytes; expected at least that",
                        100 * choice.budget,
                        100 * Chosen(request, choice.attentions, *fewest).share));
  }
  choice.chosen = Chosen(request, choice.attentions, *picks);
  for (const HeadOption& option : choice.attentions.front().options) {
    const auto uniform = Uniform(choice.attentions, option.kv_heads);
    if (!uniform.has_value()) continue;
    const HeadChoice one = Chosen(request, choice.attentions, *uniform);
    if (one.share <= choice.budget * (1 + 1e-4)) choice.uniform = one;
  }
  return choice;
}

std::optional<std::vector<size_t>> PickWithin(const std::vector<AttentionOptions>& attentions,
                                              int64_t bytes) {
  int64_t unit = 0;
  for (const AttentionOptions& attention : attentions) {
    for (const HeadOption& option : attention.options) unit = std::gcd(unit, option.bytes);
  }
  if (unit == 0) return std::nullopt;
  const auto units = static_cast<size_t>(bytes / unit) + 1;
  constexpr double kNever = std::numeric_limits<double>::infinity();
  // least[u]: error of the attentions so far within u units; picks: which option makes it.
  std::vector<double> least(units, 0.0);
  std::vector<std::vector<uint8_t>> picks;
  for (const AttentionOptions& attention : attentions) {
    std::vector<double> now(units, kNever);
    std::vector<uint8_t>& pick = picks.emplace_back(units, uint8_t{0});
    for (size_t i = 0; i < attention.options.size(); ++i) {
      const auto cost = static_cast<size_t>(attention.options[i].bytes / unit);
      for (size_t u = cost; u < units; ++u) {
        const double error = least[u - cost] + attention.options[i].error;
        if (error >= now[u]) continue;
        now[u] = error;
        pick[u] = static_cast<uint8_t>(i);
      }
    }
    least = std::move(now);
  }
  if (least.back() == kNever) return std::nullopt;
  std::vector<size_t> chosen(attentions.size());
  size_t u = units - 1;
  for (size_t i = attentions.size(); i-- > 0;) {
    chosen[i] = picks[i][u];
    u -= static_cast<size_t>(attentions[i].options[chosen[i]].bytes / unit);
  }
  return chosen;
}

}  // namespace regroup
