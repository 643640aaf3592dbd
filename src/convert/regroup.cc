// Head merging, site by site. Legend: h query heads = K/V heads of multi-head attention, g K/V
// heads, n heads merged into one, e head width, d model width.
#include "convert/regroup.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "convert/merge_attention.h"
#include "convert/narrow.h"
#include "core/files.h"
#include "core/log.h"
#include "core/random.h"

namespace regroup {
namespace {

// [groups * e, width], drawn by the initializer's law.
at::Tensor RandomHeads(const T5Config& config, int64_t width, int64_t groups,
                       const std::string& name, uint64_t seed) {
  const uint64_t key = std::stoull(HashBytes(name).substr(0, 16), nullptr, 16);
  CounterRng rng(seed, RandomPurpose::kConvertRandom, key);
  const double std = config.initializer_factor / std::sqrt(static_cast<double>(config.d_model));
  at::Tensor drawn_ged = at::empty({groups * config.d_kv, width}, at::kDouble);
  double* values = drawn_ged.mutable_data_ptr<double>();
  for (int64_t i = 0; i < drawn_ged.numel(); ++i) values[i] = std * rng.Normal();
  return drawn_ged;
}

// One attention sublayer and its K/V heads before and after.
struct Attention {
  std::string prefix;
  int64_t from = 0, to = 0;
};
std::vector<Attention> Attentions(KvHeads from, KvHeads to) {
  std::vector<Attention> all;
  for (const AttentionPlace& place : AttentionPlaces(from)) {
    const auto layer = static_cast<size_t>(place.layer);
    all.push_back({place.prefix, from.Of(place.site)[layer], to.Of(place.site)[layer]});
  }
  return all;
}

// What a conversion makes of one attention: new tensors by the part of their name.
struct Change {
  std::vector<std::pair<const char*, at::Tensor>> tensors;
  std::optional<MergeLoss> loss;
};
using ChangeOf = std::function<Change(const Attention& attention)>;

// The frame of every conversion: attentions whose head count changes go through `change_of`, all
// else passes.
Conversion Convert(const T5Config& config, const StateDict& weights, const KvHeads& target,
                   const ChangeOf& change_of) {
  Conversion result{config, weights, {}};
  result.config.kv_heads = target;
  for (const Attention& attention : Attentions(config.kv_heads, target)) {
    if (attention.from == attention.to) continue;
    const Change change = change_of(attention);
    for (const auto& [part, after] : change.tensors) {
      const std::string name = attention.prefix + part;
      const at::Tensor& before = weights.at(name);
      result.report.tensors.push_back({name, before.sizes().vec(), after.sizes().vec()});
      result.weights[name] = NarrowOnce(after, before.scalar_type());
    }
    if (change.loss.has_value())
      result.report.losses.push_back(
          {attention.prefix, attention.from, attention.to, *change.loss});
  }
  result.report.parameters_before = CountParameters(config);
  result.report.parameters_after = CountParameters(result.config);
  return result;
}

Change DrawnHeads(const T5Config& config, const StateDict& weights, const Attention& attention,
                  uint64_t seed) {
  Change change;
  for (const char* part : {".k.weight", ".v.weight"}) {
    const std::string name = attention.prefix + part;
    change.tensors.emplace_back(
        part, RandomHeads(config, weights.at(name).size(1), attention.to, name, seed));
  }
  return change;
}

Change MergedHeads(const AttentionWeights& weights, int64_t groups, const MergeMethod& method,
                   const SiteStatistics* statistics) {
  const MergedAttention merged =
      MergeAttention(weights, ContiguousGroups(weights.kv_heads, groups), method, statistics);
  Change change{{{".k.weight", merged.weights.k}, {".v.weight", merged.weights.v}}, {}};
  if (statistics != nullptr) change.loss = merged.loss;
  if (merged.folded) {
    change.tensors.emplace_back(".q.weight", merged.weights.q);
    change.tensors.emplace_back(".o.weight", merged.weights.o);
  }
  return change;
}

absl::Status CheckMethod(const std::string& method, const Statistics* statistics) {
  const std::vector<std::string>& methods = MergeMethodNames();
  if (std::ranges::find(methods, method) == methods.end()) {
    return UserError("method",
                     absl::StrCat("unknown method \"", method, "\"", DidYouMean(method, methods),
                                  "; the methods are ", absl::StrJoin(methods, ", ")));
  }
  if (!MergeWeighs(method) || statistics != nullptr) return absl::OkStatus();
  return UserError("method", absl::StrCat(method,
                                          " weighs by statistics of the model, and there are none; "
                                          "measure them with `regroup calibrate` and name their "
                                          "folder (calibration), or take svd"));
}

// Checks on the finished conversion; what was checked goes into the report.
absl::Status CheckResult(const StateDict& before, Conversion& result) {
  for (const ConvertedTensor& tensor : result.report.tensors) {
    if (!at::isfinite(result.weights.at(tensor.name)).all().item<bool>()) {
      return UserError(
          tensor.name,
          "the merged weights are not finite; the source's values are too large for its dtype");
    }
  }
  if (result.report.tensors.empty()) {
    result.report.checks.push_back("nothing to merge: the source has these K/V heads already");
    return absl::OkStatus();
  }
  result.report.checks.push_back("every merged value is finite");
  const size_t untouched = before.size() - result.report.tensors.size();
  result.report.checks.push_back(absl::StrCat(untouched, " other tensors pass through untouched"));
  return absl::OkStatus();
}

std::string ShapeOf(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace

absl::Status CheckStatistics(const T5Config& config, const KvHeads& target,
                             const Statistics& statistics) {
  for (const Attention& attention : Attentions(config.kv_heads, target)) {
    if (attention.from == attention.to) continue;
    const auto found = statistics.find(attention.prefix);
    if (found == statistics.end()) {
      return UserError(attention.prefix,
                       "the calibration did not measure this attention; calibrate again with its "
                       "site among the sites");
    }
    const SiteStatistics& site = found->second;
    const int64_t d = config.d_model, h = config.num_heads, e = config.d_kv;
    if (site.key_covariance_dd.sizes() != at::IntArrayRef({d, d}) ||
        site.value_moment_dd.sizes() != at::IntArrayRef({d, d}) ||
        site.query_moment_hee.sizes() != at::IntArrayRef({h, e, e})) {
      return UserError(attention.prefix,
                       "the calibration is of a model of another shape; calibrate this model");
    }
  }
  return absl::OkStatus();
}

at::Tensor ExpandHeads(const at::Tensor& kv_ged, int64_t groups, int64_t heads) {
  REGROUP_CHECK(groups >= 1 && heads % groups == 0 && kv_ged.size(0) % groups == 0,
                "heads, groups and shape disagree");
  const int64_t e = kv_ged.size(0) / groups;
  return kv_ged.reshape({groups, e, -1})
      .repeat_interleave(heads / groups, 0)
      .reshape({heads * e, kv_ged.size(1)});
}

AttentionWeights WeightsOf(const T5Config& config, const StateDict& weights,
                           const std::string& prefix, int64_t kv_heads) {
  const auto part = [&](const char* name) { return weights.at(prefix + name); };
  return {part(".q.weight"), part(".k.weight"), part(".v.weight"),
          part(".o.weight"), config.num_heads,  kv_heads};
}

absl::StatusOr<Conversion> Regroup(const T5Config& config, const StateDict& weights,
                                   const ConvertConfig& how, const Statistics* statistics) {
  REGROUP_RETURN_IF_ERROR(CheckMethod(how.method, statistics));
  REGROUP_ASSIGN_OR_RETURN(const KvHeads target, TargetKvHeads(config, how));
  if (statistics != nullptr) REGROUP_RETURN_IF_ERROR(CheckStatistics(config, target, *statistics));
  const MergeMethod* method = FindMergeMethod(how.method);
  Conversion result = Convert(config, weights, target, [&](const Attention& attention) {
    if (method == nullptr) return DrawnHeads(config, weights, attention, how.seed);
    return MergedHeads(WeightsOf(config, weights, attention.prefix, attention.from), attention.to,
                       *method,
                       statistics == nullptr ? nullptr : &statistics->at(attention.prefix));
  });
  result.report.method = how.method;
  REGROUP_RETURN_IF_ERROR(CheckResult(weights, result));
  return result;
}

Conversion ExpandToMultiHead(const T5Config& config, const StateDict& weights) {
  T5Config multi_head = config;
  multi_head.SetMultiHead();
  Conversion result =
      Convert(config, weights, multi_head.kv_heads, [&](const Attention& attention) {
        const auto expanded = [&](const char* part) {
          return ExpandHeads(weights.at(attention.prefix + part), attention.from, attention.to);
        };
        return Change{{{".k.weight", expanded(".k.weight")}, {".v.weight", expanded(".v.weight")}},
                      {}};
      });
  result.report.method = "expand";
  return result;
}

std::string ConversionText(const ConversionReport& report) {
  std::string text;
  for (const ConvertedTensor& tensor : report.tensors) {
    absl::StrAppend(&text,
                    absl::StrFormat("%-55s %s -> %s  %s\n", tensor.name, ShapeOf(tensor.from),
                                    ShapeOf(tensor.to), report.method));
  }
  for (const SiteLoss& site : report.losses) {
    absl::StrAppend(
        &text,
        absl::StrFormat("%-55s %d -> %d heads  loses %.2g %% of K, %.2g %% of V\n", site.prefix,
                        site.from, site.to, 100 * site.loss.key, 100 * site.loss.value));
  }
  absl::StrAppend(&text, "parameters: ", FormatCount(report.parameters_before), " -> ",
                  FormatCount(report.parameters_after), "\n");
  for (const std::string& check : report.checks) absl::StrAppend(&text, "checked: ", check, "\n");
  return text;
}

Json ConversionJson(const ConversionReport& report) {
  Json tensors = Json::array();
  for (const ConvertedTensor& t : report.tensors)
    tensors.push_back({{"name", t.name}, {"from", t.from}, {"to", t.to}});
  Json losses = Json::array();
  for (const SiteLoss& site : report.losses)
    losses.push_back({{"attention", site.prefix},
                      {"from", site.from},
                      {"to", site.to},
                      {"key", site.loss.key},
                      {"value", site.loss.value}});
  return {{"method", report.method},
          {"parameters_before", report.parameters_before},
          {"parameters_after", report.parameters_after},
          {"tensors", std::move(tensors)},
          {"losses", std::move(losses)},
          {"checks", report.checks}};
}

}  // namespace regroup
