// Head merging, site by site. Legend: h query heads = K/V heads of multi-head attention, g K/V
// heads, n heads merged into one, e head width, d model width.
#include "convert/regroup.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/log.h"
#include "core/random.h"

namespace regroup {
namespace {

// fp32 value from which a further rounding to 16 bits gives what one rounding from fp64 would have
// given (round to odd).
float RoundToOdd(double x) {
  const auto nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) == x || !std::isfinite(nearest)) return nearest;
  auto bits = std::bit_cast<uint32_t>(nearest);
  if ((bits & 1U) == 0) bits += std::fabs(static_cast<double>(nearest)) < std::fabs(x) ? 1U : ~0U;
  return std::bit_cast<float>(bits);
}

// One rounding from fp64 to `dtype`; ATen's own cast to 16 bits rounds twice, by way of fp32.
at::Tensor NarrowOnce(const at::Tensor& wide, at::ScalarType dtype) {
  if (dtype != at::kHalf && dtype != at::kBFloat16) return wide.to(dtype);
  const at::Tensor source = wide.cpu().contiguous();
  at::Tensor odd = at::empty(source.sizes(), at::kFloat);
  const double* from = source.const_data_ptr<double>();
  float* to = odd.mutable_data_ptr<float>();
  for (int64_t i = 0; i < source.numel(); ++i) to[i] = RoundToOdd(from[i]);
  return odd.to(dtype).to(wide.device());
}

// [heads*e, d] -> [groups, heads/groups, e, d], a view where the input allows it.
at::Tensor AsGroups(const at::Tensor& kv_hed, int64_t heads, int64_t groups) {
  REGROUP_CHECK(groups >= 1 && heads % groups == 0 && kv_hed.size(0) % heads == 0,
                "heads, groups and shape disagree");
  return kv_hed.reshape({groups, heads / groups, kv_hed.size(0) / heads, kv_hed.size(1)});
}

at::Tensor RandomHeads(const T5Config& config, const at::Tensor& kv_hed, int64_t groups,
                       const std::string& name, uint64_t seed) {
  const uint64_t key = std::stoull(HashBytes(name).substr(0, 16), nullptr, 16);
  CounterRng rng(seed, RandomPurpose::kConvertRandom, key);
  const double std = config.initializer_factor / std::sqrt(static_cast<double>(config.d_model));
  at::Tensor drawn_ged = at::empty({groups * config.d_kv, kv_hed.size(1)}, at::kDouble);
  double* values = drawn_ged.mutable_data_ptr<double>();
  for (int64_t i = 0; i < drawn_ged.numel(); ++i) values[i] = std * rng.Normal();
  return NarrowOnce(drawn_ged, kv_hed.scalar_type());
}

bool BitsEqual(const at::Tensor& a, const at::Tensor& b) {
  const auto word = a.element_size() == 2   ? at::kShort
                    : a.element_size() == 4 ? at::kInt
                                            : at::kLong;
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         at::equal(a.contiguous().view(word), b.contiguous().view(word));
}

// One attention sublayer and its K/V heads before and after.
struct Attention {
  std::string prefix;
  int64_t from = 0, to = 0;
};
std::vector<Attention> Attentions(const KvHeads& from, const KvHeads& to) {
  std::vector<Attention> all;
  const auto add = [&all](const auto& prefix, const std::vector<int64_t>& before,
                          const std::vector<int64_t>& after) {
    for (size_t i = 0; i < before.size(); ++i)
      all.push_back({prefix(static_cast<int64_t>(i)), before[i], after[i]});
  };
  add(EncoderSelfPrefix, from.encoder_self, to.encoder_self);
  add(DecoderSelfPrefix, from.decoder_self, to.decoder_self);
  add(CrossPrefix, from.cross, to.cross);
  return all;
}

// The frame of every conversion: K and V of attentions whose head count changes go through `merge`,
// all else passes.
using Merge = std::function<at::Tensor(const std::string& name, const at::Tensor& kv,
                                       const Attention& attention)>;
Conversion Convert(const T5Config& config, const StateDict& weights, const KvHeads& target,
                   const Merge& merge) {
  Conversion result{config, weights, {}};
  result.config.kv_heads = target;
  for (const Attention& attention : Attentions(config.kv_heads, target)) {
    if (attention.from == attention.to) continue;
    for (const char* part : {".k.weight", ".v.weight"}) {
      const std::string name = attention.prefix + part;
      const at::Tensor& before = weights.at(name);
      at::Tensor after = merge(name, before, attention);
      REGROUP_CHECK(after.size(0) == attention.to * config.d_kv && after.size(1) == before.size(1),
                    name);
      result.report.tensors.push_back({name, before.sizes().vec(), after.sizes().vec()});
      result.weights[name] = std::move(after);
    }
  }
  result.report.parameters_before = CountParameters(config);
  result.report.parameters_after = CountParameters(result.config);
  return result;
}

absl::StatusOr<Merge> MergeOf(const T5Config& config, const ConvertConfig& how) {
  if (how.method == "mean") {
    return Merge([](const std::string&, const at::Tensor& kv, const Attention& a) {
      return MeanPoolHeads(kv, a.from, a.to);
    });
  }
  if (how.method == "first") {
    return Merge([](const std::string&, const at::Tensor& kv, const Attention& a) {
      return FirstHeads(kv, a.from, a.to);
    });
  }
  if (how.method == "random") {
    return Merge([config, seed = how.seed](const std::string& name, const at::Tensor& kv,
                                           const Attention& a) {
      return RandomHeads(config, kv, a.to, name, seed);
    });
  }
  const std::vector<std::string> methods = {"mean", "first", "random"};
  return UserError(
      "method", absl::StrCat("unknown method \"", how.method, "\"", DidYouMean(how.method, methods),
                             "; the methods are ", absl::StrJoin(methods, ", ")));
}

// Checks on the finished conversion; what was checked goes into the report.
absl::Status CheckResult(const T5Config& config, const StateDict& before, Conversion& result) {
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
  const std::string& name = result.report.tensors.front().name;
  const int64_t heads = before.at(name).size(0) / config.d_kv;
  REGROUP_CHECK(BitsEqual(MeanPoolHeads(before.at(name), heads, heads), before.at(name)),
                "one head per group changed the weights");
  result.report.checks.push_back(
      absl::StrCat("as many groups as heads is a bitwise identity (checked on ", name, ")"));
  const size_t untouched = before.size() - result.report.tensors.size();
  result.report.checks.push_back(absl::StrCat(untouched, " other tensors pass through untouched"));
  return absl::OkStatus();
}

std::string ShapeOf(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace

at::Tensor MeanPoolHeads(const at::Tensor& kv_hed, int64_t heads, int64_t groups) {
  const at::Tensor kv_gned = AsGroups(kv_hed, heads, groups);
  if (heads == groups) return kv_hed.clone();
  return NarrowOnce(kv_gned.to(at::kDouble).mean(1).flatten(0, 1), kv_hed.scalar_type());
}

at::Tensor FirstHeads(const at::Tensor& kv_hed, int64_t heads, int64_t groups) {
  return AsGroups(kv_hed, heads, groups).select(1, 0).flatten(0, 1).clone();
}

at::Tensor ExpandHeads(const at::Tensor& kv_ged, int64_t groups, int64_t heads) {
  REGROUP_CHECK(groups >= 1 && heads % groups == 0 && kv_ged.size(0) % groups == 0,
                "heads, groups and shape disagree");
  const int64_t e = kv_ged.size(0) / groups;
  return kv_ged.reshape({groups, e, -1})
      .repeat_interleave(heads / groups, 0)
      .reshape({heads * e, kv_ged.size(1)});
}

absl::StatusOr<Conversion> Regroup(const T5Config& config, const StateDict& weights,
                                   const ConvertConfig& how) {
  REGROUP_ASSIGN_OR_RETURN(const Merge merge, MergeOf(config, how));
  REGROUP_ASSIGN_OR_RETURN(const KvHeads target, TargetKvHeads(config, how));
  Conversion result = Convert(config, weights, target, merge);
  result.report.method = how.method;
  REGROUP_RETURN_IF_ERROR(CheckResult(config, weights, result));
  return result;
}

Conversion ExpandToMultiHead(const T5Config& config, const StateDict& weights) {
  T5Config multi_head = config;
  multi_head.SetMultiHead();
  Conversion result = Convert(config, weights, multi_head.kv_heads,
                              [](const std::string&, const at::Tensor& kv, const Attention& a) {
                                return ExpandHeads(kv, a.from, a.to);
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
  absl::StrAppend(&text, "parameters: ", FormatCount(report.parameters_before), " -> ",
                  FormatCount(report.parameters_after), "\n");
  for (const std::string& check : report.checks) absl::StrAppend(&text, "checked: ", check, "\n");
  return text;
}

Json ConversionJson(const ConversionReport& report) {
  Json tensors = Json::array();
  for (const ConvertedTensor& t : report.tensors)
    tensors.push_back({{"name", t.name}, {"from", t.from}, {"to", t.to}});
  return {{"method", report.method},
          {"parameters_before", report.parameters_before},
          {"parameters_after", report.parameters_after},
          {"tensors", std::move(tensors)},
          {"checks", report.checks}};
}

}  // namespace regroup
