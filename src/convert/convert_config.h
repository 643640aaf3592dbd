// Config of a conversion (no LibTorch). The recipe and the command line both make it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/status.h"
#include "model/model_config.h"

namespace regroup {

// mean, first, random (the paper's three) and those of convert/merge_attention.h.
const std::vector<std::string>& MergeMethodNames();
// True if the method needs statistics of the source (convert/statistics.h).
bool MergeWeighs(const std::string& method);

struct ConvertConfig {
  Json kv_heads;  // G, or {site: G or [G per layer]}
  std::optional<double> kv_budget;
  std::string method = "mean";
  std::optional<std::vector<std::string>> sites;
  uint64_t seed = 1;  // random

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("kv_heads", "K/V heads: G, or {site: G or [G per layer]}"), c.kv_heads);
    v(Field("kv_budget",
            "in place of kv_heads: a share of the K/V bytes of these attentions; G is chosen for "
            "each layer and site by what merging costs its output; needs a calibration")
          .AtLeast(1e-6)
          .AtMost(1),
      c.kv_budget);
    v(Field("method", "how heads of a group become one").OneOf(MergeMethodNames()), c.method);
    v(Field("sites",
            "attention sites to convert; otherwise those that kv_heads names, or decoder_self and "
            "cross")
          .OneOf({"encoder_self", "decoder_self", "cross"}),
      c.sites);
  }
};

// "4" or "decoder_self=4,cross=2" (the command line's form) to the JSON form.
absl::StatusOr<Json> ParseKvHeadsFlag(const std::string& text);

// {site: [G per layer]}: what `kv_heads` says of these heads.
Json KvHeadsJson(KvHeads heads, const std::vector<std::string>& sites);

// The sites to convert: those that `sites` says, else those that `kv_heads` names, else decoder
// self and cross (the GQA paper leaves the encoder alone, section 2.2).
std::vector<std::string> SitesOf(const ConvertConfig& config);

// The target's K/V heads: sites not named keep the source's. Errors: G < 1, G > source heads, not a
// divisor of the source's K/V heads, wrong number of layers, unknown site, an explicit site that
// `sites` leaves out.
absl::StatusOr<KvHeads> TargetKvHeads(const T5Config& source, const ConvertConfig& config);

}  // namespace regroup
