// The encoder and the decoder, a line per step of the paper (Raffel et al. 2020, 1910.10683; layout
// of Hugging Face modeling_t5): pre-norm, residual, relative bias made once per stack
// (umT5: once per layer).
#include "model/forward.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "core/status.h"
#include "ops/activation.h"
#include "ops/matmul.h"
#include "ops/relative_bias.h"
#include "ops/rms_norm.h"

namespace regroup {
namespace {

// Dropout sites: (stack, layer, place). The numbers key the masks, so they must not change.
enum Place : uint32_t {
  kSelf = 0,
  kSelfOut,
  kCross,
  kCrossOut,
  kInner,
  kFeedForwardOut,
  kIn,
  kOut
};

uint32_t Site(bool decoder, int64_t layer, Place place) {
  const uint32_t row = (decoder ? 4096U : 0U) + static_cast<uint32_t>(layer);
  return row * 8U + place;
}

}  // namespace

ForwardPass::ForwardPass(const T5Config& config, const StateDict& weights, at::ScalarType compute,
                         const BatchTensors& batch, const DropoutOptions& dropout,
                         BlockObserver* observer)
    : config_(config),
      weights_(weights),
      compute_(compute),
      batch_(batch),
      dropout_(dropout),
      observer_(observer) {}

at::Tensor ForwardPass::Encode() const {
  at::Tensor x_bsd = EmbedSource();
  const at::Tensor key_mask = KeyMask();
  AttentionTerms terms;
  for (int64_t i = 0; i < config_.num_layers; ++i) {
    terms = SelfTerms(false, i, x_bsd.size(1), key_mask, terms);
    if (observer_ != nullptr) observer_->Before(false, i, x_bsd);
    x_bsd = EncoderBlock(x_bsd, i, terms);
    if (observer_ != nullptr) observer_->After(false, i, x_bsd);
  }
  return FinishEncoder(x_bsd);
}

at::Tensor ForwardPass::EmbedSource() const {
  return Embed(batch_.source_ids_bs, Site(false, 0, kIn));
}

at::Tensor ForwardPass::EncoderLayer(const at::Tensor& x_bsd, int64_t layer) const {
  const int64_t table = config_.bias_layer(layer);
  return EncoderBlock(x_bsd, layer, {SelfBias(false, table, x_bsd.size(1)), KeyMask(), {}});
}

at::Tensor ForwardPass::FinishEncoder(const at::Tensor& x_bsd) const {
  return Dropped(Norm(x_bsd, "encoder.final_layer_norm.weight"), Site(false, 0, kOut));
}

at::Tensor ForwardPass::EmbedTarget() const {
  return Embed(batch_.target_in_bt, Site(true, 0, kIn));
}

at::Tensor ForwardPass::DecoderLayer(const at::Tensor& x_btd, const at::Tensor& encoded_bsd,
                                     int64_t layer) const {
  const int64_t table = config_.bias_layer(layer);
  return DecoderBlock(x_btd, encoded_bsd, layer, {SelfBias(true, table, x_btd.size(1)), {}, {}},
                      {{}, KeyMask(), {}});
}

at::Tensor ForwardPass::EncoderBlock(at::Tensor x_bsd, int64_t layer,
                                     const AttentionTerms& terms) const {
  const Attention self{EncoderSelfPrefix(layer), /*decoder=*/false,
                       config_.kv_heads.encoder_self[static_cast<size_t>(layer)], terms,
                       Site(false, layer, kSelf)};
  x_bsd = x_bsd + SelfAttention(Norm(x_bsd, NormName(false, layer, 0)), self);
  return x_bsd + FeedForward(Norm(x_bsd, NormName(false, layer, 1)), false, layer);
}

at::Tensor ForwardPass::DecodeHidden(const at::Tensor& encoded_bsd) const {
  at::Tensor x_btd = EmbedTarget();
  AttentionTerms self_terms;
  const AttentionTerms cross_terms{{}, KeyMask(), {}};
  for (int64_t i = 0; i < config_.num_decoder_layers; ++i) {
    // Padded targets come last, so no real query can see one: the causal mask is enough.
    self_terms = SelfTerms(true, i, x_btd.size(1), /*key_mask=*/{}, self_terms);
    if (observer_ != nullptr) observer_->Before(true, i, x_btd);
    x_btd = DecoderBlock(x_btd, encoded_bsd, i, self_terms, cross_terms);
    if (observer_ != nullptr) observer_->After(true, i, x_btd);
  }
  x_btd = Dropped(Norm(x_btd, "decoder.final_layer_norm.weight"), Site(true, 0, kOut));
  if (!config_.scale_decoder_outputs) return x_btd;
  return x_btd * (1.0 / std::sqrt(static_cast<double>(config_.d_model)));
}

at::Tensor ForwardPass::DecoderBlock(at::Tensor x_btd, const at::Tensor& encoded_bsd, int64_t layer,
                                     const AttentionTerms& self_terms,
                                     const AttentionTerms& cross_terms) const {
  const size_t i = static_cast<size_t>(layer);
  const Attention self{DecoderSelfPrefix(layer), /*decoder=*/true, config_.kv_heads.decoder_self[i],
                       self_terms, Site(true, layer, kSelf)};
  const Attention cross{CrossPrefix(layer), /*decoder=*/true, config_.kv_heads.cross[i],
                        cross_terms, Site(true, layer, kCross)};
  x_btd = x_btd + SelfAttention(Norm(x_btd, NormName(true, layer, 0)), self);
  x_btd = x_btd + CrossAttention(Norm(x_btd, NormName(true, layer, 1)), encoded_bsd, cross);
  return x_btd + FeedForward(Norm(x_btd, NormName(true, layer, 2)), true, layer);
}

const at::Tensor& ForwardPass::HeadWeight() const { return Master(HeadName(config_)); }

const at::Tensor& ForwardPass::Master(const std::string& name) const {
  const auto found = weights_.find(name);
  REGROUP_CHECK(found != weights_.end(), "no weight " + name);
  return found->second;
}

at::Tensor ForwardPass::Weight(const std::string& name) const { return Master(name).to(compute_); }

at::Tensor ForwardPass::Stacked(const std::vector<std::string>& names) const {
  std::vector<at::Tensor> parts;
  for (const std::string& name : names) parts.push_back(Master(name));
  return at::cat(parts).to(compute_);
}

at::Tensor ForwardPass::Embed(const at::Tensor& ids, uint32_t site) const {
  return Dropped(at::embedding(Master("shared.weight"), ids).to(compute_), site);
}

at::Tensor ForwardPass::Norm(const at::Tensor& x, const std::string& name) const {
  return RmsNorm(x, Weight(name), config_.layer_norm_epsilon);
}

at::Tensor ForwardPass::FeedForward(const at::Tensor& x_btd, bool decoder, int64_t layer) const {
  const std::string prefix = FeedForwardPrefix(decoder, layer);
  at::Tensor h_btf;
  if (config_.gated()) {
    h_btf = GatedGelu(Linear(x_btd, Stacked({prefix + ".wi_0.weight", prefix + ".wi_1.weight"})));
  } else {
    h_btf = at::relu(Linear(x_btd, Weight(prefix + ".wi.weight")));
  }
  h_btf = Dropped(h_btf, Site(decoder, layer, kInner));
  return Dropped(Linear(h_btf, Weight(prefix + ".wo.weight")),
                 Site(decoder, layer, kFeedForwardOut));
}

at::Tensor ForwardPass::SelfAttention(const at::Tensor& x_btd, const Attention& how) const {
  const std::string& p = how.prefix;
  const int64_t kv_width = how.kv_heads * config_.d_kv;
  const auto qkv = Linear(x_btd, Stacked({p + ".q.weight", p + ".k.weight", p + ".v.weight"}))
                       .split_with_sizes({config_.inner_width(), kv_width, kv_width}, -1);
  const at::Tensor out_btd = Attend(qkv[0], qkv[1], qkv[2], how);
  return Finished(how, {x_btd, x_btd, qkv[0], qkv[1], out_btd});
}

at::Tensor ForwardPass::CrossAttention(const at::Tensor& x_btd, const at::Tensor& encoded_bsd,
                                       const Attention& how) const {
  const std::string& p = how.prefix;
  const at::Tensor q_btn = Linear(x_btd, Weight(p + ".q.weight"));
  const auto kv = Linear(encoded_bsd, Stacked({p + ".k.weight", p + ".v.weight"})).chunk(2, -1);
  const at::Tensor out_btd = Attend(q_btn, kv[0], kv[1], how);
  return Finished(how, {x_btd, encoded_bsd, q_btn, kv[0], out_btd});
}

at::Tensor ForwardPass::Attend(const at::Tensor& q_btn, const at::Tensor& k_bsn,
                               const at::Tensor& v_bsn, Attention how) const {
  how.terms.drop_bhs = DropoutMask(dropout_, batch_.positions_b, how.site, config_.num_heads,
                                   k_bsn.size(1), k_bsn.options());
  const at::Tensor out_bhte =
      GroupedAttention(SplitHeads(q_btn, config_.num_heads), SplitHeads(k_bsn, how.kv_heads),
                       SplitHeads(v_bsn, how.kv_heads), how.terms);
  const at::Tensor out_btn = out_bhte.transpose(1, 2).flatten(2);
  return Linear(out_btn, Weight(how.prefix + ".o.weight"));
}

at::Tensor ForwardPass::Finished(const Attention& how, const Attended& done) const {
  if (observer_ != nullptr) {
    const at::Tensor& queries = how.decoder ? batch_.target_mask_bt : batch_.source_mask_bs;
    const at::Tensor& keys = done.y_bsd.is_same(done.x_btd) ? queries : batch_.source_mask_bs;
    observer_->Attended({how.prefix, done.x_btd, done.y_bsd, done.q_btn, done.k_bsn, queries, keys,
                         how.terms, done.out_btd});
  }
  return Dropped(done.out_btd, how.site + 1);
}

AttentionTerms ForwardPass::SelfTerms(bool decoder, int64_t layer, int64_t length,
                                      const at::Tensor& key_mask,
                                      const AttentionTerms& before) const {
  if (config_.bias_layer(layer) != layer) return before;
  return {SelfBias(decoder, layer, length), key_mask, {}};
}

at::Tensor ForwardPass::SelfBias(bool decoder, int64_t layer, int64_t length) const {
  const RelativeBuckets how{!decoder, config_.relative_attention_num_buckets,
                            config_.relative_attention_max_distance};
  const at::Tensor bias =
      RelativeBias(Weight(RelativeBiasName(decoder, layer)), length, length, how);
  if (!decoder) return bias;
  const at::Tensor later =
      at::ones({length, length}, bias.options().dtype(at::kBool)).triu_(/*diagonal=*/1);
  return bias.masked_fill(later, MaskValue(compute_));
}

at::Tensor ForwardPass::KeyMask() const {
  if (!batch_.source_padded) return {};
  const auto options = batch_.source_mask_bs.options().dtype(compute_);
  return at::zeros(batch_.source_mask_bs.sizes(), options)
      .masked_fill_(batch_.source_mask_bs.logical_not(), MaskValue(compute_))
      .unsqueeze(1);
}

at::Tensor ForwardPass::Dropped(const at::Tensor& x_bte, uint32_t site) const {
  const at::Tensor mask =
      DropoutMask(dropout_, batch_.positions_b, site, 1, x_bte.size(-1), x_bte.options());
  return mask.defined() ? x_bte * mask : x_bte;
}

}  // namespace regroup
