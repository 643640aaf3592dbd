// The command `generate`. See commands.h.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/rows.h"
#include "decode/generation_defaults.h"
#include "evaluate/commands.h"
#include "evaluate/generated_rows.h"
#include "evaluate/score.h"

namespace regroup {
namespace {

// A window holds about this many full batches: enough rows to sort by length, few enough to lose
// little when killed.
constexpr int64_t kWindowBatches = 8;

class FileGenerator {
 public:
  // `decode`: WithDefaults.
  FileGenerator(const std::string& data, const DecodeConfig& decode, const Engine& engine,
                const Tokenizer* tokenizer, GeneratedRows& rows)
      : data_(data),
        decode_(decode),
        max_length_(*decode.max_length),
        engine_(engine),
        tokenizer_(tokenizer),
        rows_(rows) {}

  absl::Status Take(Row row) {
    const size_t index = taken_++;
    if (index < rows_.finished()) REGROUP_RETURN_IF_ERROR(rows_.CheckId(index, row.id));
    window_tokens_ += static_cast<int64_t>(row.example.input_ids.size()) +
                      max_length_ * decode_.beams.value_or(1);
    ids_.push_back(std::move(row.id));
    sources_.push_back(std::move(row.example.input_ids));
    return window_tokens_ < kWindowBatches * decode_.batch_tokens ? absl::OkStatus() : Flush();
  }

  // Windows are the same whether or not a run is resumed, so a window that was half written is
  // computed again whole.
  absl::Status Flush() {
    const size_t first = taken_ - sources_.size();
    if (taken_ > rows_.finished()) {
      std::vector<Hypothesis> hypotheses(sources_.size());
      REGROUP_RETURN_IF_ERROR(GenerateAll(engine_, sources_, max_length_, decode_, nullptr,
                                          [&](size_t i, Hypothesis hypothesis) {
                                            hypotheses[i] = std::move(hypothesis);
                                            meter_.Add(1);
                                            return absl::OkStatus();
                                          }));
      for (size_t i = 0; i < hypotheses.size(); ++i) {
        REGROUP_RETURN_IF_ERROR(CheckScore(hypotheses[i], first + i));
        if (first + i >= rows_.finished()) rows_.Append(Line(ids_[i], hypotheses[i]));
      }
      REGROUP_RETURN_IF_ERROR(rows_.Flush());
    }
    sources_.clear();
    ids_.clear();
    window_tokens_ = 0;
    return absl::OkStatus();
  }

  absl::Status CheckAllTaken(const std::string& output) const {
    if (rows_.finished() <= taken_) return absl::OkStatus();
    return UserError(output, absl::StrCat("holds ", rows_.finished(), " rows, the data only ",
                                          taken_, "; remove the file or name another --output"));
  }

  void ReportIdsWithoutPiece() const {
    if (without_piece_ == 0) return;
    LogWarning(absl::StrCat(without_piece_, " generated ids have no piece in the vocabulary (",
                            tokenizer_->size(), " pieces): the text leaves them out"));
  }

 private:
  absl::Status CheckScore(const Hypothesis& hypothesis, size_t row) const {
    if (std::isfinite(hypothesis.score)) return absl::OkStatus();
    return NotFinite(absl::StrCat(data_, ":", row + 1), "score", hypothesis.score);
  }

  Json Line(const Json& id, const Hypothesis& hypothesis) {
    Json line = {{"id", id}};
    line.update(Fields(hypothesis));
    if (decode_.n_best == 1) return line;
    line["n_best"] = {Fields(hypothesis)};
    for (const Hypothesis& other : hypothesis.others) line["n_best"].push_back(Fields(other));
    return line;
  }

  Json Fields(const Hypothesis& hypothesis) {
    Json output;
    if (tokenizer_ != nullptr) {
      output = tokenizer_->Decode(hypothesis.ids);
      without_piece_ +=
          std::ranges::count_if(hypothesis.ids, [&](int32_t i) { return i >= tokenizer_->size(); });
    }
    return {{"output_ids", hypothesis.ids},
            {"output", output},
            {"score", hypothesis.score},
            {"finish", hypothesis.at_length_limit ? "length" : "eos"}};
  }

  const std::string& data_;
  const DecodeConfig& decode_;
  int64_t max_length_;
  const Engine& engine_;
  const Tokenizer* tokenizer_;
  GeneratedRows& rows_;
  std::vector<Json> ids_;
  std::vector<std::vector<int32_t>> sources_;
  int64_t window_tokens_ = 0;
  size_t taken_ = 0;
  int64_t without_piece_ = 0;
  ProgressMeter meter_{"decoding", "rows", 0};
};

// What decides the bytes of the output. `decode`: WithDefaults.
absl::StatusOr<Json> Settings(const GenerateRequest& request, const HfModel& model,
                              const T5Config& config, const Tokenizer* tokenizer,
                              const DecodeConfig& decode) {
  REGROUP_ASSIGN_OR_RETURN(const std::string data, HashFile(request.data));
  Json settings = {{"model", HashWeights(model.weights)},
                   {"config", HashBytes(DumpJson(T5ConfigToJson(config, "")))},
                   {"tokenizer", tokenizer != nullptr ? Json(tokenizer->Fingerprint()) : Json()},
                   {"data", data},
                   {"precision", request.precision.empty() ? "fp32" : request.precision},
                   {"n_best", decode.n_best}};
  settings.update(ConfigToJson(decode));
  return settings;
}

}  // namespace

absl::Status GenerateFile(const GenerateRequest& request, std::ostream& out) {
  REGROUP_ASSIGN_OR_RETURN(const at::ScalarType compute, ComputeType(request.precision));
  REGROUP_RETURN_IF_ERROR(GeneratedRows::CheckPlace(request.output, request.data));
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadHfFolder(request.model));
  REGROUP_ASSIGN_OR_RETURN(const GenerationDefaults defaults, ReadGenerationConfig(model));
  std::shared_ptr<const Tokenizer> tokenizer;
  if (HasTokenizer(request.model)) {
    REGROUP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(request.model));
  }
  REGROUP_ASSIGN_OR_RETURN(const DecodeConfig decode, WithDefaults(request.decode, defaults));
  Json settings;
  if (!request.output.empty()) {
    REGROUP_ASSIGN_OR_RETURN(settings,
                             Settings(request, model, defaults.config, tokenizer.get(), decode));
  }
  REGROUP_ASSIGN_OR_RETURN(GeneratedRows rows, GeneratedRows::Open(request.output, settings, out));
  const auto engine = Engine::Create(defaults.config, model.weights, compute);
  FileGenerator generator(request.data, decode, *engine, tokenizer.get(), rows);
  const absl::Status read = ForEachRow(request.data, tokenizer.get(), model.config.vocab_size,
                                       [&](Row row) { return generator.Take(std::move(row)); });
  if (!read.ok() && ExitCode(read) != 2) return read;
  REGROUP_RETURN_IF_ERROR(generator.Flush());
  generator.ReportIdsWithoutPiece();
  REGROUP_RETURN_IF_ERROR(read);
  return generator.CheckAllTaken(request.output);
}

}  // namespace regroup
