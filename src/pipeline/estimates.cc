// Formulas of estimates.h.
#include "pipeline/estimates.h"

#include <algorithm>
#include <bit>

#include "formats/lines.h"
#include "train/train_config.h"

namespace regroup {
namespace {

constexpr double kStepOverhead = 0.012;        // seconds per micro-batch outside matrix products
constexpr int64_t kEncoderChunkTokens = 2048;  // decode/encoder.cc works on as many at a time
constexpr double kDecodeStepOverhead = 3e-4;   // seconds per layer of one decoder step
// Fitted on nano-32x128, small-8x512 and base-2x512 of benchmarks/memory.py: pages that freed
// tensors leave behind, and the share of the gradients that finds no place among them.
constexpr double kAllocatorSlack = 1.1, kGradientsOnTop = 0.3;

int64_t BytesPerValue(const std::string& precision) { return precision == "bf16" ? 2 : 4; }

double Sum(const std::vector<int64_t>& values) {
  double sum = 0;
  for (const int64_t value : values) sum += static_cast<double>(value);
  return sum;
}

// Values that the forward pass keeps for the backward pass of `rows` sequences, by the tensors that
// model/forward.cc and ops/ save. Of each sublayer: its input, the norm's output, what its matrix
// products read; of attention the probabilities; of the gated feed-forward four times its width.
double SavedValues(const T5Config& c, double rows, double s, double t) {
  const auto d = static_cast<double>(c.d_model), inner = static_cast<double>(c.inner_width()),
             heads = static_cast<double>(c.num_heads), e = static_cast<double>(c.d_kv);
  const double ff = static_cast<double>(c.d_ff) * (c.gated() ? 4 : 2);
  const auto encoder = static_cast<double>(c.num_layers),
             decoder = static_cast<double>(c.num_decoder_layers);
  const double kv_encoder = 2 * e * Sum(c.kv_heads.encoder_self),
               kv_decoder = 2 * e * Sum(c.kv_heads.decoder_self),
               kv_cross = 2 * e * Sum(c.kv_heads.cross);
  const double per_source = encoder * (4 * d + 2 * inner + ff) + kv_encoder + kv_cross + 3 * d;
  const double per_target = decoder * (6 * d + 4 * inner + ff) + kv_decoder + 3 * d;
  const double probabilities = heads * (encoder * s * s + decoder * (t * t + s * t));
  return rows * (s * per_source + t * per_target + probabilities);
}

// Working memory of the backward pass of the widest layer: gradients beside what was saved.
double WorkingValues(const T5Config& c, double rows, double s) {
  const double attention = 2 * static_cast<double>(c.num_heads) * s * s;
  const double feed_forward =
      s * (4 * static_cast<double>(c.d_ff) + 3 * static_cast<double>(c.d_model));
  return rows * std::max(attention, feed_forward);
}

// Weights that the forward pass copies and keeps: those that it stacks into one matrix (q, k, v; k,
// v of cross-attention; the two halves of a gated feed-forward), with bf16 all of them but the
// head.
double CopiedWeights(const T5Config& c, const std::string& precision) {
  const auto d = static_cast<double>(c.d_model), inner = static_cast<double>(c.inner_width());
  const auto layers = static_cast<double>(c.num_layers + c.num_decoder_layers);
  if (precision == "bf16") {
    return static_cast<double>(CountParameters(c)) -
           (c.tied_embeddings ? 1 : 2) * static_cast<double>(c.vocab_size) * d;
  }
  const double kv =
      2 * static_cast<double>(c.d_kv) *
      (Sum(c.kv_heads.encoder_self) + Sum(c.kv_heads.decoder_self) + Sum(c.kv_heads.cross));
  const double feed_forward = c.gated() ? 2 * static_cast<double>(c.d_ff) : 0;
  return d * (layers * (inner + feed_forward) + kv);
}

int64_t SlotBytes(const T5Config& config, const std::string& optimizer) {
  return (optimizer == "adamw" ? 8 : 0) *
         CountParameters(config);  // Adafactor's rows and columns are small
}

}  // namespace

int64_t BaseMemory() { return 180'000'000; }

// The peak is at the start of the first backward pass of a step that has gradients already, or in
// the optimizer, whose temporaries are a few copies of the largest tensor.
int64_t TrainingMemory(const T5Config& config, const TrainingShape& shape) {
  const auto parameters = static_cast<double>(CountParameters(config));
  const auto head = 4.0 * static_cast<double>(config.vocab_size * config.d_model);
  const auto rows = static_cast<double>(shape.micro_batch), s = static_cast<double>(shape.source),
             t = static_cast<double>(shape.target);
  const auto value = static_cast<double>(BytesPerValue(shape.precision));
  const int64_t parts = (shape.examples + shape.micro_batch - 1) / shape.micro_batch;
  // Sums of 1, 2, 4, ... parts wait for their like (parallel/gradient_tree.h).
  const double waiting =
      parts == 1 ? 0.0 : static_cast<double>(std::bit_width(static_cast<uint64_t>(parts - 1)));
  const double activations =
      value * (SavedValues(config, rows, s, t) + WorkingValues(config, rows, s) +
               CopiedWeights(config, shape.precision)) +
      2 * head;
  const double gradients = 4 * parameters;
  const double step =
      std::max(activations + waiting * gradients, (waiting + 1) * gradients + 3 * head);
  return BaseMemory() + SlotBytes(config, shape.optimizer) +
         static_cast<int64_t>(4 * parameters + kAllocatorSlack * step +
                              kGradientsOnTop * gradients);
}

int64_t DecodingMemory(const T5Config& config, int64_t rows, int64_t source, int64_t target) {
  const int64_t caches =
      rows * (KvBytesPerPosition(config.kv_heads.decoder_self, config.d_kv, 4) * target +
              KvBytesPerPosition(config.kv_heads.cross, config.d_kv, 4) * source);
  const int64_t chunk = std::min(rows, std::max<int64_t>(1, kEncoderChunkTokens / source));
  const int64_t encoder =
      4 * chunk *
      (3 * config.num_heads * source * source + source * (4 * config.d_model + 2 * config.d_ff));
  const int64_t outputs = 4 * rows * (source * config.d_model + 2 * config.vocab_size);
  return BaseMemory() + 8 * CountParameters(config) + caches + encoder + outputs;
}

int64_t CheckpointBytes(const T5Config& config, const std::string& optimizer) {
  return 4 * CountParameters(config) + SlotBytes(config, optimizer) + 1'000'000;
}

double TrainingSeconds(const T5Config& config, const TrainingShape& shape, int64_t steps,
                       const Device& device) {
  const double flops = TrainStepFlops(config, shape.examples, shape.source, shape.target);
  const double rate = device.Flops(shape.precision) * device.share;
  const double parts =
      static_cast<double>((shape.examples + shape.micro_batch - 1) / shape.micro_batch);
  return static_cast<double>(steps) * (flops / rate + parts * kStepOverhead) /
         static_cast<double>(device.count);
}

double CalibrationSeconds(const T5Config& config, const TrainingShape& shape,
                          const Device& device) {
  const auto d = static_cast<double>(config.d_model);
  const auto queries = static_cast<double>(shape.examples * shape.target * config.num_heads);
  // Averages of d values over the keys, and their second moment; self and cross.
  const double keys = static_cast<double>(shape.target + shape.source);
  const double site_flops = 2 * queries * d * (keys + 2 * d);
  const double flops = TrainStepFlops(config, shape.examples, shape.source, shape.target) / 3 +
                       static_cast<double>(config.num_decoder_layers) * site_flops;
  return flops / (device.Flops(shape.precision) * device.share);
}

double DecodingSeconds(const T5Config& config, int64_t rows, int64_t source, int64_t target,
                       const Device& device, const std::string& precision) {
  const double encoder =
      TrainStepFlops(config, rows, source, 1) / 3 / (device.Flops(precision) * device.share);
  const int64_t bytes = BytesPerValue(precision);
  const auto cache = static_cast<double>(
      KvBytesPerPosition(config.kv_heads.cross, config.d_kv, bytes) * source * rows);
  const double batches = std::max(1.0, static_cast<double>(rows) / 64);
  const auto weights =
      static_cast<double>(bytes * CountParameters(config)) / 2;  // the decoder's half
  const double step =
      static_cast<double>(config.num_decoder_layers) * kDecodeStepOverhead * batches +
      (cache + batches * weights) / device.bytes_per_second;
  return (encoder + static_cast<double>(target) * step) / static_cast<double>(device.count);
}

int64_t CountLines(const std::string& path) {
  auto reader = LineReader::Open(path);
  if (!reader.ok()) return 0;
  int64_t lines = 0;
  while (true) {
    const auto line = (*reader)->Next();
    if (!line.ok() || !line->has_value()) return lines;
    ++lines;
  }
}

}  // namespace regroup
