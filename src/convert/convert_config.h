// Config of a conversion (no LibTorch). The recipe and the command line both make it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/status.h"
#include "model/model_config.h"

namespace regroup {

struct ConvertConfig {
  Json kv_heads;                // G, or {site: G or [G per layer]}
  std::string method = "mean";  // mean | first | random
  std::vector<std::string> sites = {"decoder_self", "cross"};
  uint64_t seed = 1;  // random

  template <class Self, class Visitor>
  static void Visit(Self& c, Visitor& v) {
    v(Field("kv_heads", "K/V heads: G, or {site: G or [G per layer]}").Required(), c.kv_heads);
    v(Field("method", "how heads of a group become one").OneOf({"mean", "first", "random"}),
      c.method);
    v(Field("sites", "attention sites to convert").OneOf({"encoder_self", "decoder_self", "cross"}),
      c.sites);
  }
};

// "4" or "decoder_self=4,cross=2" (the command line's form) to the JSON form.
absl::StatusOr<Json> ParseKvHeadsFlag(const std::string& text);

// The target's K/V heads: sites not named keep the source's. Errors: G < 1, G > source heads, not a
// divisor of the source's K/V heads, wrong number of layers, unknown site, an explicit site that
// `sites` leaves out.
absl::StatusOr<KvHeads> TargetKvHeads(const T5Config& source, const ConvertConfig& config);

}  // namespace regroup
