// Arithmetic on training configs; no LibTorch, so that `plan` can use it.
#include "train/train_config.h"

namespace regroup {
namespace {

// Multiply-adds of one attention sublayer: projections of q and o on `queries`, of k and v on
// `keys`, scores and values.
double AttentionMacs(const T5Config& c, int64_t kv_heads, int64_t queries, int64_t keys) {
  const double inner = static_cast<double>(c.inner_width());
  const double kv = static_cast<double>(kv_heads * c.d_kv);
  const double q = static_cast<double>(queries);
  const double k = static_cast<double>(keys);
  const double d = static_cast<double>(c.d_model);
  return 2 * q * d * inner + 2 * k * d * kv + 2 * q * k * inner;
}

double FeedForwardMacs(const T5Config& c, int64_t positions) {
  return static_cast<double>((c.gated() ? 3 : 2) * c.d_model * c.d_ff * positions);
}

}  // namespace

double TrainStepFlops(const T5Config& config, int64_t rows, int64_t s, int64_t t) {
  double macs = static_cast<double>(t * config.d_model * config.vocab_size);
  for (const int64_t heads : config.kv_heads.encoder_self) {
    macs += AttentionMacs(config, heads, s, s) + FeedForwardMacs(config, s);
  }
  for (const int64_t heads : config.kv_heads.decoder_self) {
    macs += AttentionMacs(config, heads, t, t) + FeedForwardMacs(config, t);
  }
  for (const int64_t heads : config.kv_heads.cross) macs += AttentionMacs(config, heads, t, s);
  return 3 * 2 * macs * static_cast<double>(rows);
}

}  // namespace regroup
