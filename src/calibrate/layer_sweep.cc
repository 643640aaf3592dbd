// After a layer its states are published as <stack>-<layer>; those of the layer before are deleted.
#include "calibrate/layer_sweep.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "core/progress.h"
#include "core/stop.h"
#include "model/forward.h"

namespace regroup {
namespace {

// Hands on to the visitor, or keeps what it sees.
class Eye final : public BlockObserver {
 public:
  explicit Eye(LayerVisitor* visitor) : visitor_(visitor) {}
  void Attended(const AttentionSeen& seen) override {
    visitor_ != nullptr ? visitor_->See(seen) : kept.push_back(seen);
  }
  std::vector<AttentionSeen> kept;

 private:
  LayerVisitor* visitor_;
};

class Sweep final : public LayerInputs {
 public:
  Sweep(const T5Config& config, const StateDict& weights, const std::vector<Example>& rows,
        const SweepOptions& options, LayerVisitor& visitor)
      : config_(config),
        weights_(weights),
        examples_(rows),
        options_(options),
        visitor_(visitor),
        meter_(options.what, "layers", config.num_layers + config.num_decoder_layers) {
    for (const Example& row : rows) {
      source_ = std::max(source_, static_cast<int64_t>(row.input_ids.size()));
      target_ = std::max(target_, static_cast<int64_t>(row.target_ids.size()));
    }
  }

  absl::Status Run() {
    REGROUP_RETURN_IF_ERROR(MakeFolders(options_.folder));
    const int64_t decoder_done = Done(true);
    if (decoder_done < 0) {
      REGROUP_RETURN_IF_ERROR(RunStack(false, Done(false)));
    } else {
      meter_.Add(config_.num_layers);
    }
    REGROUP_ASSIGN_OR_RETURN(encoded_, OpenStates(false, config_.num_layers - 1));
    return RunStack(true, decoder_done);
  }

  int64_t rows() const override { return static_cast<int64_t>(examples_.size()); }

  absl::StatusOr<std::vector<AttentionSeen>> Run(const std::vector<int64_t>& rows) override {
    Eye eye(nullptr);
    REGROUP_RETURN_IF_ERROR(Forward(rows, &eye).status());
    return std::move(eye.kept);
  }

 private:
  std::string StatesPath(bool decoder, int64_t layer) const {
    return JoinPath(options_.folder, absl::StrCat(decoder ? "decoder-" : "encoder-", layer));
  }
  int64_t Layers(bool decoder) const {
    return decoder ? config_.num_decoder_layers : config_.num_layers;
  }
  int64_t Positions(bool decoder) const { return decoder ? target_ : source_; }

  // The last layer of the stack that all rows went through, or -1.
  int64_t Done(bool decoder) const {
    int64_t layer = Layers(decoder) - 1;
    while (layer >= 0 && !FileExists(StatesPath(decoder, layer))) --layer;
    return layer;
  }

  absl::StatusOr<std::optional<RowStates>> OpenStates(bool decoder, int64_t layer) const {
    if (layer < 0) return std::nullopt;
    REGROUP_ASSIGN_OR_RETURN(
        RowStates states,
        RowStates::Open(StatesPath(decoder, layer), Positions(decoder), config_.d_model));
    return std::optional<RowStates>(std::move(states));
  }

  absl::Status RunStack(bool decoder, int64_t done) {
    REGROUP_ASSIGN_OR_RETURN(before_, OpenStates(decoder, done));
    meter_.Add(done + 1);
    for (int64_t layer = done + 1; layer < Layers(decoder); ++layer) {
      REGROUP_RETURN_IF_ERROR(RunLayer(decoder, layer));
      meter_.Add(1);
    }
    return absl::OkStatus();
  }

  absl::Status RunLayer(bool decoder, int64_t layer) {
    decoder_ = decoder;
    layer_ = layer;
    layer_weights_ = LayerWeights();
    const bool shown = decoder || options_.encoder;
    if (shown) visitor_.BeginLayer(decoder, layer, layer_weights_);
    const std::string path = StatesPath(decoder, layer);
    REGROUP_ASSIGN_OR_RETURN(
        RowStates after, RowStates::Create(path + kAsideMark, Positions(decoder), config_.d_model));
    Eye eye(&visitor_);
    for (int64_t first = 0; first < rows(); first += options_.micro_batch) {
      if (StopRequested()) return StoppedStatus();
      const std::vector<int64_t> batch = RowRange(first, options_.micro_batch, rows());
      REGROUP_ASSIGN_OR_RETURN(const at::Tensor x, Forward(batch, shown ? &eye : nullptr));
      REGROUP_RETURN_IF_ERROR(after.Write(first, x));
    }
    if (shown) REGROUP_RETURN_IF_ERROR(visitor_.FinishLayer(*this));
    REGROUP_RETURN_IF_ERROR(after.Publish(path));
    if (before_.has_value()) before_->Remove();
    before_ = std::move(after);
    LetGo();
    return absl::OkStatus();
  }

  // The layer's block on these rows: [rows, positions, d].
  absl::StatusOr<at::Tensor> Forward(const std::vector<int64_t>& rows, BlockObserver* observer) {
    const at::NoGradGuard no_grad;
    std::vector<Example> examples;
    for (const int64_t row : rows) examples.push_back(examples_[static_cast<size_t>(row)]);
    const Batch batch = Collate(examples);
    const BatchTensors tensors = ToTensors(batch, config_, options_.device);
    const ForwardPass pass(config_, layer_weights_, options_.compute, tensors, {}, observer);
    at::Tensor x = decoder_ ? pass.EmbedTarget() : pass.EmbedSource();
    if (before_.has_value()) {
      REGROUP_ASSIGN_OR_RETURN(x, ReadStates(*before_, rows, x.size(1)));
    }
    if (!decoder_) return pass.EncoderLayer(x, layer_);
    REGROUP_ASSIGN_OR_RETURN(const at::Tensor encoded,
                             ReadStates(*encoded_, rows, batch.source_length));
    return pass.DecoderLayer(x, pass.FinishEncoder(encoded), layer_);
  }

  absl::StatusOr<at::Tensor> ReadStates(const RowStates& states, const std::vector<int64_t>& rows,
                                        int64_t positions) const {
    REGROUP_ASSIGN_OR_RETURN(const at::Tensor x, states.Read(rows, positions));
    return x.to(options_.device, options_.compute);
  }

  // What the layer's block, the embedding and the encoder's end need, in the compute type; the
  // table of embeddings stays as it is.
  StateDict LayerWeights() const {
    const std::string stack = decoder_ ? "decoder." : "encoder.";
    const std::string block = absl::StrCat(stack, "block.", layer_, ".");
    StateDict needed;
    for (const auto& [name, tensor] : weights_) {
      if (name == "shared.weight") needed[name] = tensor.to(options_.device);
      if (absl::StartsWith(name, block) || name == "encoder.final_layer_norm.weight" ||
          name == RelativeBiasName(decoder_, config_.bias_layer(layer_)))
        needed[name] = tensor.to(options_.device, options_.compute);
    }
    return needed;
  }

  // The layer's weights are not needed again: pages of mapped files need not stay.
  void LetGo() {
    const std::string block =
        absl::StrCat(decoder_ ? "decoder." : "encoder.", "block.", layer_, ".");
    layer_weights_.clear();
    for (const auto& [name, tensor] : weights_) {
      if (absl::StartsWith(name, block)) AdviseNotNeeded(tensor.const_data_ptr(), tensor.nbytes());
    }
  }

  const T5Config& config_;
  const StateDict& weights_;
  const std::vector<Example>& examples_;
  const SweepOptions& options_;
  LayerVisitor& visitor_;
  ProgressMeter meter_;
  int64_t source_ = 0, target_ = 0;  // longest
  bool decoder_ = false;
  int64_t layer_ = 0;
  StateDict layer_weights_;
  std::optional<RowStates> before_;   // what goes into the layer; none: embeddings
  std::optional<RowStates> encoded_;  // after the last encoder layer, before the final norm
};

}  // namespace

std::vector<LayerAttention> AttentionsOf(bool decoder, int64_t layer, const KvHeads& kv_heads) {
  const auto at = static_cast<size_t>(layer);
  if (!decoder) return {{EncoderSelfPrefix(layer), kv_heads.encoder_self[at]}};
  return {{DecoderSelfPrefix(layer), kv_heads.decoder_self[at]},
          {CrossPrefix(layer), kv_heads.cross[at]}};
}

std::vector<int64_t> RowRange(int64_t first, int64_t count, int64_t rows) {
  std::vector<int64_t> range(static_cast<size_t>(std::min(count, rows - first)));
  std::iota(range.begin(), range.end(), first);
  return range;
}

absl::Status SweepLayers(const T5Config& config, const StateDict& weights,
                         const std::vector<Example>& rows, const SweepOptions& options,
                         LayerVisitor& visitor) {
  REGROUP_CHECK(!rows.empty(), "a sweep needs rows");
  return Sweep(config, weights, rows, options, visitor).Run();
}

}  // namespace regroup
