// A parent's forward pass over all calibration rows, one layer at a time: the weights of a layer,
// one micro-batch and what the visitor keeps are all the memory it takes; the residual stream of
// the rows lies in files. Statistics, refits and local distillation are visitors of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "calibrate/row_states.h"
#include "core/status.h"
#include "data/batch.h"
#include "model/t5.h"

namespace regroup {

struct SweepOptions {
  std::string folder;  // for the files; a sweep that was stopped goes on from what lies there
  int64_t micro_batch = 8;
  at::ScalarType compute = at::kFloat;
  at::Device device = at::kCPU;
  bool encoder = false;              // the visitor wants the encoder's attentions too
  std::string what = "calibration";  // for the progress line
};

// The block of one layer with what goes into it, for visitors that look at rows again.
class LayerInputs {
 public:
  virtual ~LayerInputs() = default;
  virtual int64_t rows() const = 0;
  // Runs the block on these rows: what each of its attentions sees.
  virtual absl::StatusOr<std::vector<AttentionSeen>> Run(const std::vector<int64_t>& rows) = 0;
};

class LayerVisitor {
 public:
  virtual ~LayerVisitor() = default;
  // The weights of the layer that follows, in the compute type.
  virtual void BeginLayer(bool decoder, int64_t layer, const StateDict& weights) = 0;
  // One attention of the layer on one micro-batch; every row is seen once, in order.
  virtual void See(const AttentionSeen& seen) = 0;
  // All rows went through. What the visitor wants to keep must be on the disk when it returns: a
  // sweep that is stopped later does not come back to this layer.
  virtual absl::Status FinishLayer(LayerInputs& inputs) = 0;
};

// The attentions of a layer and their K/V heads, in the order of the forward pass.
struct LayerAttention {
  std::string prefix;
  int64_t kv_heads = 0;
};
std::vector<LayerAttention> AttentionsOf(bool decoder, int64_t layer, const KvHeads& kv_heads);

// `first`, `first` + 1, ...: at most `count` of `rows`.
std::vector<int64_t> RowRange(int64_t first, int64_t count, int64_t rows);

// Runs the whole pass (StoppedStatus after a signal). `rows` hold ids of the model's vocabulary.
absl::Status SweepLayers(const T5Config& config, const StateDict& weights,
                         const std::vector<Example>& rows, const SweepOptions& options,
                         LayerVisitor& visitor);

}  // namespace regroup
