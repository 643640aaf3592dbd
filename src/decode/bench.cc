// Rounds over several engines, their spread and their floors. See bench.h.
#include "decode/bench.h"

#include <ATen/ATen.h>
#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/hf_folder.h"
#include "core/log.h"
#include "core/random.h"
#include "decode/engine.h"
#include "ops/machine.h"

namespace regroup {
namespace {

struct TimedModel {
  std::string path;
  std::unique_ptr<Engine> engine;
  int64_t peak_rss_bytes = 0;
  int64_t cache_bytes = 0;
  std::vector<double> encoder_ms, step_ms, total_ms;  // per round, per step, per round
};

// The q-th quantile (0..1) of `values` with linear interpolation.
double Quantile(std::vector<double> values, double q) {
  REGROUP_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const size_t low = static_cast<size_t>(place);
  const size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (place - static_cast<double>(low)) * (values[high] - values[low]);
}

std::vector<std::vector<int32_t>> MakeSources(const DecodeBenchOptions& options,
                                              int64_t vocab_size) {
  std::vector<std::vector<int32_t>> sources;
  for (int64_t row = 0; row < options.batch; ++row) {
    CounterRng rng(options.seed, RandomPurpose::kBenchSource, static_cast<uint64_t>(row));
    std::vector<int32_t>& ids = sources.emplace_back();
    for (int64_t i = 0; i < options.source; ++i) {
      ids.push_back(static_cast<int32_t>(rng.Below(static_cast<uint64_t>(vocab_size))));
    }
  }
  return sources;
}

// Highest resident size since ForgetPeakMemory(), in bytes; 0 where /proc does not tell.
int64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}
void ForgetPeakMemory() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

absl::StatusOr<std::unique_ptr<Engine>> LoadEngine(const std::string& folder,
                                                   const DecodeBenchOptions& options) {
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadHfFolder(folder));
  return Engine::Create(model.config, model.weights,
                        options.precision == "bf16" ? at::kBFloat16 : at::kFloat);
}

absl::Status DecodeOnce(const Engine& engine, const DecodeBenchOptions& options,
                        DecodeTimes* times) {
  DecodeConfig decode;
  decode.ignore_eos = true;
  return engine
      .Generate(MakeSources(options, engine.config().vocab_size), options.target, decode, times)
      .status();
}

// With this model alone in the process.
absl::StatusOr<int64_t> MeasurePeakMemory(const std::string& folder,
                                          const DecodeBenchOptions& options) {
  REGROUP_ASSIGN_OR_RETURN(const std::unique_ptr<Engine> engine, LoadEngine(folder, options));
  ForgetPeakMemory();
  REGROUP_RETURN_IF_ERROR(DecodeOnce(*engine, options, nullptr));
  return PeakMemory();
}

absl::Status TimeOnce(TimedModel& model, const DecodeBenchOptions& options) {
  DecodeTimes times;
  REGROUP_RETURN_IF_ERROR(DecodeOnce(*model.engine, options, &times));
  model.cache_bytes = times.cache_bytes;
  model.encoder_ms.push_back(times.encoder_seconds * 1e3);
  model.total_ms.push_back((times.encoder_seconds + times.decode_seconds()) * 1e3);
  for (const double seconds : times.step_seconds) model.step_ms.push_back(seconds * 1e3);
  return absl::OkStatus();
}

// The larger of bytes / bandwidth and FLOPs / peak, at half of the target length.
double FloorStepMs(const Engine& engine, const DecodeBenchOptions& options,
                   const MachinePeaks& peaks) {
  const T5Config& config = engine.config();
  const int64_t value_bytes = options.precision == "bf16" ? 2 : 4;
  const int64_t seen = (options.target + 1) / 2;
  const double bytes = static_cast<double>(engine.DecoderBytes() +
                                           engine.KvBytes(options.batch, options.source, seen));
  const double products = static_cast<double>(engine.DecoderBytes() / value_bytes) +
                          static_cast<double>(config.num_decoder_layers * 2 * config.inner_width() *
                                              (options.source + seen));
  const double flops = 2.0 * static_cast<double>(options.batch) * products;
  return 1e3 * std::max(bytes / (peaks.read_gb_per_s * 1e9),
                        flops / (peaks.gemm_tflops.at(options.precision) * 1e12));
}

// G, or [G of each layer] where layers differ.
Json HeadsJson(const std::vector<int64_t>& heads) {
  const bool equal =
      std::all_of(heads.begin(), heads.end(), [&](int64_t g) { return g == heads[0]; });
  return equal ? Json(heads[0]) : Json(heads);
}

Json ModelJson(const TimedModel& model, const DecodeBenchOptions& options,
               const MachinePeaks& peaks) {
  const KvHeads& heads = model.engine->config().kv_heads;
  const double total_ms = Quantile(model.total_ms, 0.5);
  const double rows = static_cast<double>(options.batch);
  Json json;
  json["path"] = model.path;
  json["kv_heads"] = {{"encoder_self", HeadsJson(heads.encoder_self)},
                      {"decoder_self", HeadsJson(heads.decoder_self)},
                      {"cross", HeadsJson(heads.cross)}};
  json["precision"] = options.precision;
  json["batch"] = options.batch;
  json["beams"] = 1;
  json["source"] = options.source;
  json["target"] = options.target;
  json["encoder_ms"] = Quantile(model.encoder_ms, 0.5);
  json["step_ms"] = {{"median", Quantile(model.step_ms, 0.5)},
                     {"p10", Quantile(model.step_ms, 0.1)},
                     {"p90", Quantile(model.step_ms, 0.9)}};
  json["ms_per_sample"] = total_ms / rows;
  json["tokens_per_second"] = rows * static_cast<double>(options.target) / (total_ms / 1e3);
  json["floor_step_ms"] = FloorStepMs(*model.engine, options, peaks);
  json["kv_bytes_per_position"] = model.engine->KvBytesPerPosition();
  json["kv_bytes"] = model.cache_bytes;
  json["peak_rss_bytes"] = model.peak_rss_bytes;
  return json;
}

Json MachineJson(const MachinePeaks& peaks) {
  return {{"cpu", peaks.cpu},
          {"threads", peaks.threads},
          {"isa", peaks.isa},
          {"read_gb_per_s", peaks.read_gb_per_s},
          {"gemm_tflops", peaks.gemm_tflops}};
}

// "8", or "2/1" where self and cross differ.
std::string HeadsText(const Json& heads) {
  const std::string self = DumpJson(heads["decoder_self"]), cross = DumpJson(heads["cross"]);
  return self == cross ? self : absl::StrCat(self, "/", cross);
}

}  // namespace

std::vector<size_t> RoundOrder(size_t models, int64_t round) {
  std::vector<size_t> order;
  for (size_t i = 0; i < models; ++i) order.push_back((static_cast<size_t>(round) + i) % models);
  return order;
}

absl::StatusOr<Json> BenchDecode(const std::vector<std::string>& folders,
                                 const DecodeBenchOptions& options) {
  if (folders.empty())
    return UserError("bench decode", "no model is named; expected at least one folder");
  std::vector<TimedModel> models;
  for (const std::string& folder : folders) {
    TimedModel& model = models.emplace_back();
    model.path = folder;
    REGROUP_ASSIGN_OR_RETURN(model.peak_rss_bytes, MeasurePeakMemory(folder, options));
  }
  for (TimedModel& model : models) {
    REGROUP_ASSIGN_OR_RETURN(model.engine, LoadEngine(model.path, options));
    REGROUP_RETURN_IF_ERROR(DecodeOnce(*model.engine, options, nullptr));  // warm-up
  }
  for (int64_t round = 0; round < options.repeats; ++round) {
    for (const size_t i : RoundOrder(models.size(), round)) {
      REGROUP_RETURN_IF_ERROR(TimeOnce(models[i], options));
    }
    LogInfo(absl::StrCat("bench decode: round ", round + 1, " of ", options.repeats));
  }
  const MachinePeaks peaks = MeasureMachine();
  Json result = {{"machine", MachineJson(peaks)}, {"models", Json::array()}};
  for (const TimedModel& model : models) {
    result["models"].push_back(ModelJson(model, options, peaks));
  }
  return result;
}

std::string DecodeBenchTable(const Json& bench) {
  const Json& machine = bench["machine"];
  std::string text = absl::StrFormat(
      "%s, %d threads, %s, reads %.1f GB/s, matrix products fp32 %.3f, bf16 %.3f TFLOP/s\n",
      machine["cpu"].get<std::string>(), machine["threads"].get<int64_t>(),
      machine["isa"].get<std::string>(), machine["read_gb_per_s"].get<double>(),
      machine["gemm_tflops"]["fp32"].get<double>(), machine["gemm_tflops"]["bf16"].get<double>());
  const Json& first = bench["models"][0];
  absl::StrAppendFormat(&text, "batch %d, source %d, target %d, greedy, %s\n\n",
                        first["batch"].get<int64_t>(), first["source"].get<int64_t>(),
                        first["target"].get<int64_t>(), first["precision"].get<std::string>());
  absl::StrAppendFormat(&text, "%8s %22s %9s %11s %11s %10s %10s  %s\n", "K/V", "step ms (p10-p90)",
                        "floor ms", "encoder ms", "ms/sample", "K/V", "peak RSS", "model");
  for (const Json& model : bench["models"]) {
    const std::string step = absl::StrFormat(
        "%.2f (%.2f-%.2f)", model["step_ms"]["median"].get<double>(),
        model["step_ms"]["p10"].get<double>(), model["step_ms"]["p90"].get<double>());
    absl::StrAppendFormat(
        &text, "%8s %22s %9.2f %11.1f %11.3f %10s %10s  %s\n", HeadsText(model["kv_heads"]), step,
        model["floor_step_ms"].get<double>(), model["encoder_ms"].get<double>(),
        model["ms_per_sample"].get<double>(), FormatBytes(model["kv_bytes"].get<double>()),
        FormatBytes(model["peak_rss_bytes"].get<double>()), model["path"].get<std::string>());
  }
  return text;
}

}  // namespace regroup
