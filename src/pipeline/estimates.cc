// Formulas of estimates.h.
#include "pipeline/estimates.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <algorithm>

#include "formats/lines.h"
#include "train/train_config.h"

namespace regroup {
namespace {

// fp32 matrix products of one core, measured on a few servers: 80 to 110 GFLOP/s with AVX-512, 40
// to 60 with AVX2.
constexpr double kFlopsAvx512 = 85e9;
constexpr double kFlopsOther = 45e9;
constexpr double kTrainingShare = 0.5;         // of the peak, small models
constexpr double kStepOverhead = 0.012;        // seconds per micro-batch outside matrix products
constexpr int64_t kEncoderChunkTokens = 2048;  // decode/encoder.cc works on as many at a time
constexpr double kDecodeStepOverhead = 3e-4;   // seconds per layer of one decoder step

double Peak() {
  const bool avx512 = at::get_cpu_capability() == "AVX512";
  return (avx512 ? kFlopsAvx512 : kFlopsOther) * at::get_num_threads();
}

// Floats that a training step keeps for its backward pass.
int64_t ActivationFloats(const T5Config& c, int64_t rows, int64_t s, int64_t t) {
  const int64_t width = 6 * c.d_model + 4 * c.inner_width() + 4 * c.d_ff;
  const int64_t linear = (s * c.num_layers + 2 * t * c.num_decoder_layers) * width;
  const int64_t scores =
      3 * c.num_heads * (s * s * c.num_layers + (t * t + s * t) * c.num_decoder_layers);
  return rows * (linear + scores + 3 * t * c.vocab_size);
}

int64_t SlotBytes(const T5Config& config, const std::string& optimizer) {
  return (optimizer == "adamw" ? 8 : 0) *
         CountParameters(config);  // Adafactor's rows and columns are small
}

}  // namespace

int64_t BaseMemory() { return 350'000'000; }

int64_t TrainingMemory(const T5Config& config, const TrainingShape& shape,
                       const std::string& optimizer) {
  const int64_t copies =
      shape.micro_batch < shape.examples ? 4 : 3;  // masters, gradients, an update; partial sums
  return BaseMemory() + 4 * copies * CountParameters(config) + SlotBytes(config, optimizer) +
         4 * ActivationFloats(config, shape.micro_batch, shape.source, shape.target);
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

double TrainingSeconds(const T5Config& config, const TrainingShape& shape, int64_t steps) {
  const double flops = TrainStepFlops(config, shape.examples, shape.source, shape.target);
  const double parts =
      static_cast<double>((shape.examples + shape.micro_batch - 1) / shape.micro_batch);
  return static_cast<double>(steps) * (flops / (Peak() * kTrainingShare) + parts * kStepOverhead);
}

double DecodingSeconds(const T5Config& config, int64_t rows, int64_t source, int64_t target) {
  const double encoder = TrainStepFlops(config, rows, source, 1) / 3 / (Peak() * kTrainingShare);
  const double cache = static_cast<double>(
      KvBytesPerPosition(config.kv_heads.cross, config.d_kv, 4) * source * rows);
  const double batches = std::max(1.0, static_cast<double>(rows) / 64);
  const double step =
      static_cast<double>(config.num_decoder_layers) * kDecodeStepOverhead * batches + cache / 5e9;
  return encoder + static_cast<double>(target) * step;
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
