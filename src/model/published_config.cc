// T5 1.1's five sizes [Raffel et al. 2020; t5x/models/v1_1]; Flan-T5 and the LM-adapted checkpoints
// were trained on from them.
#include "model/published_config.h"

#include <map>

namespace regroup {
namespace {

struct Size {
  int64_t d_model, d_ff, layers, heads;
};

const std::map<std::string, Size>& Sizes() {
  static const std::map<std::string, Size> sizes = {{"small", {512, 1024, 8, 6}},
                                                    {"base", {768, 2048, 12, 12}},
                                                    {"large", {1024, 2816, 24, 16}},
                                                    {"xl", {2048, 5120, 24, 32}},
                                                    {"xxl", {4096, 10240, 24, 64}}};
  return sizes;
}

}  // namespace

std::optional<T5Config> PublishedConfig(const std::string& name) {
  for (const auto& [size, dims] : Sizes()) {
    if (name != "t5-v1_1-" + size && name != "flan-t5-" + size &&
        name != "t5-" + size + "-lm-adapt")
      continue;
    T5Config config;
    config.d_model = dims.d_model;
    config.d_ff = dims.d_ff;
    config.num_layers = config.num_decoder_layers = dims.layers;
    config.num_heads = dims.heads;
    config.SetMultiHead();
    return config;
  }
  return std::nullopt;
}

}  // namespace regroup
