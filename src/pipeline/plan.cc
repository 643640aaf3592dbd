// Walks the stages in order and carries each one's T5Config along, so that a conversion that cannot
// be is found here.
#include "pipeline/plan.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "core/log.h"
#include "data/span_corruption.h"
#include "formats/lines.h"
#include "pipeline/estimates.h"
#include "pipeline/lineage.h"
#include "recipe/reader.h"
#include "report/table.h"

namespace regroup {
namespace {

class Planner {
 public:
  Planner(const Recipe& recipe, RecipePlan& plan) : recipe_(recipe), plan_(plan) {}

  void Run() {
    CheckFiles();
    for (const Stage& stage : recipe_.stages) {
      StagePlan row;
      row.name = stage.name;
      row.kind = stage.kind;
      stage_ = &stage;
      std::visit([&](const auto& config) { Plan(config, row); }, stage.config);
      plan_.stages.push_back(std::move(row));
    }
  }

 private:
  void Problem(const std::string& key, const absl::Status& status) {
    plan_.problems.Add(
        absl::StrCat(stage_->Place(), ".", stage_->kind, key.empty() ? "" : ".", key), status);
  }

  // True: usable; false: the problem was noted.
  template <class T>
  bool Good(const std::string& key, const absl::StatusOr<T>& value) {
    if (!value.ok()) Problem(key, value.status());
    return value.ok();
  }

  void CheckFile(const std::string& section, const std::string& path) {
    if (path.empty()) return;
    const auto found = ExpandGlobs(PathList(path));
    if (!found.ok()) plan_.problems.Add(absl::StrCat(recipe_.file, ": ", section), found.status());
  }

  void CheckFiles() {
    for (const auto& [name, corpus] : recipe_.head.corpora) {
      for (const std::string& file : corpus.files) CheckFile(absl::StrCat("corpora.", name), file);
    }
    for (const auto& [name, task] : recipe_.head.tasks) {
      for (const std::string& file : {task.train, task.dev, task.test})
        CheckFile(absl::StrCat("tasks.", name), file);
    }
    const TokenizerConfig& tokenizer = recipe_.head.tokenizer;
    if (tokenizer.train.has_value()) {
      for (const std::string& file : tokenizer.train->files)
        CheckFile("tokenizer.train.files", file);
    }
    if (!tokenizer.path.empty()) {
      const auto loaded = Tokenizer::Load(tokenizer.path);
      if (loaded.ok()) {
        tokenizer_size_ = (*loaded)->size();
      } else {
        plan_.problems.Add(absl::StrCat(recipe_.file, ": tokenizer.path"), loaded.status());
      }
    } else if (tokenizer.train.has_value()) {
      tokenizer_size_ = tokenizer.train->vocab_size + tokenizer.train->extra_ids;
    }
  }

  std::optional<T5Config> Source(const std::string& from) {
    if (IsFolderReference(from)) {
      const auto config = LoadHfConfig(from);
      return Good("from", config) ? std::optional(*config) : std::nullopt;
    }
    const auto found = configs_.find(from);
    return found != configs_.end() ? std::optional(found->second) : std::nullopt;
  }

  void Describe(const T5Config& config, StagePlan& row) {
    const int64_t bytes = recipe_.head.precision == "bf16" ? 2 : 4;
    row.parameters = CountParameters(config);
    row.kv_decoder_self = KvBytesPerPosition(config.kv_heads.decoder_self, config.d_kv, bytes);
    row.kv_cross = KvBytesPerPosition(config.kv_heads.cross, config.d_kv, bytes);
  }

  void Training(const T5Config& config, const BatchConfig& batch, const OptimizerConfig& optimizer,
                int64_t source, int64_t target, int64_t keep, const std::string& precision,
                StagePlan& row) {
    configs_[row.name] = config;
    Describe(config, row);
    const TrainingShape shape{
        batch.examples, batch.micro_batch > 0 ? batch.micro_batch : batch.examples, source, target};
    row.tokens = row.steps * batch.examples * target;
    row.peak_memory_bytes = TrainingMemory(config, shape, optimizer.name);
    row.disk_bytes = keep * CheckpointBytes(config, optimizer.name);
    row.seconds = TrainingSeconds(config, shape, row.steps, precision);
  }

  void Plan(const PretrainStage& stage, StagePlan& row) {
    const T5Config config = MakeT5Config(stage.model, tokenizer_size_);
    if (const absl::Status valid = ValidateT5Config(config, "model"); !valid.ok())
      Problem("model", valid);
    row.steps = stage.steps;
    const SpanLengths lengths = ComputeSpanLengths(
        stage.data.source_length, stage.data.noise_density, stage.data.mean_span_length);
    Training(config, stage.batch, stage.optimizer, lengths.source, lengths.target,
             stage.save.keep_last, stage.precision.value_or(recipe_.head.precision), row);
  }

  void Plan(const ConvertStage& stage, StagePlan& row) {
    std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    const auto heads = TargetKvHeads(*config, stage.convert);
    if (!Good("kv_heads", heads)) return;
    const int64_t before = CountParameters(*config);
    config->kv_heads = *heads;
    if (before == CountParameters(*config)) {
      plan_.notes.push_back(
          absl::StrCat(row.name, ": as many K/V heads as the source has; nothing changes"));
    }
    configs_[row.name] = *config;
    Describe(*config, row);
    row.disk_bytes = 4 * row.parameters;
    row.peak_memory_bytes = BaseMemory() + 12 * row.parameters;
    row.seconds = 1 + 12 * static_cast<double>(row.parameters) / 1e9;
  }

  void Plan(const UptrainStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    const auto resolved = ResolveUptrain(recipe_, *stage_);
    if (!Good("", resolved) || !config.has_value()) return;
    row.steps = resolved->steps;
    const Lineage& now = resolved->after;
    const SpanLengths lengths = ComputeSpanLengths(now.data.source_length, now.data.noise_density,
                                                   now.data.mean_span_length);
    Training(*config, now.batch, resolved->optimizer, lengths.source, lengths.target,
             stage.save.keep_last, stage.precision.value_or(recipe_.head.precision), row);
    CompareAlpha(*resolved, lengths.target, row);
  }

  // Alpha counts target tokens; with another batch or length the steps are another share.
  void CompareAlpha(const ResolvedUptrain& resolved, int64_t target, const StagePlan& row) {
    const SpanCorruptionConfig& data = resolved.before.data;
    const int64_t before =
        ComputeSpanLengths(data.source_length, data.noise_density, data.mean_span_length).target;
    const double original = static_cast<double>(resolved.before.original_steps *
                                                resolved.before.batch.examples * before);
    const double share =
        static_cast<double>(row.steps * resolved.after.batch.examples * target) / original;
    const double of_steps =
        static_cast<double>(row.steps) / static_cast<double>(resolved.before.original_steps);
    if (std::abs(share - of_steps) < 1e-3 * of_steps) return;
    plan_.notes.push_back(absl::StrFormat(
        "%s: %d steps are %.3g %% of the original steps, but %.3g %% of the original target "
        "tokens (another batch or length)",
        row.name, row.steps, 100 * of_steps, 100 * share));
  }

  void Plan(const FinetuneStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    row.steps = stage.steps;
    const TaskLengths& lengths = recipe_.task_files.at(stage.task).lengths;
    Training(*config, stage.batch, stage.optimizer, lengths.source, lengths.target,
             stage.save.keep_last + 1, stage.precision.value_or(recipe_.head.precision), row);
  }

  void Plan(const EvaluateStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    Describe(*config, row);
    const TaskFile& task = recipe_.task_files.at(stage.task);
    const TaskEntry& entry = recipe_.head.tasks.at(stage.task);
    const int64_t rows = CountLines(PathList(stage.split == "dev" ? entry.dev : entry.test)[0]);
    row.peak_memory_bytes = DecodingMemory(
        *config, task.decode.batch_tokens / std::max<int64_t>(1, task.lengths.source),
        task.lengths.source, task.lengths.target);
    row.seconds = DecodingSeconds(*config, rows, task.lengths.source, task.lengths.target);
    row.disk_bytes = rows * 500;
  }

  void Plan(const ExportStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    Describe(*config, row);
    row.disk_bytes = 4 * row.parameters;
    row.peak_memory_bytes = BaseMemory() + 8 * row.parameters;
    row.seconds = 1 + 8 * static_cast<double>(row.parameters) / 1e9;
  }

  void Plan(const BenchStage& stage, StagePlan& row) {
    for (const std::string& from : stage.from) {
      const std::optional<T5Config> config = Source(from);
      if (!config.has_value()) continue;
      row.peak_memory_bytes = std::max(
          row.peak_memory_bytes, DecodingMemory(*config, stage.batch, stage.source, stage.target));
      row.seconds += static_cast<double>(stage.repeats + 1) *
                     DecodingSeconds(*config, stage.batch, stage.source, stage.target);
    }
    row.disk_bytes = 4096;
  }

  void Plan(const CompareStage&, StagePlan& row) {
    row.disk_bytes = 16384;
    row.peak_memory_bytes = BaseMemory();
  }

  const Recipe& recipe_;
  RecipePlan& plan_;
  const Stage* stage_ = nullptr;
  int64_t tokenizer_size_ = 32100;
  std::map<std::string, T5Config> configs_;
};

}  // namespace

RecipePlan PlanRecipe(const Recipe& recipe) {
  RecipePlan plan;
  Planner(recipe, plan).Run();
  return plan;
}

Json PlanToJson(const RecipePlan& plan) {
  Json json = {{"stages", Json::array()}, {"problems", plan.problems.ToJson()}};
  for (const StagePlan& row : plan.stages) {
    json["stages"].push_back({{"name", row.name},
                              {"kind", row.kind},
                              {"parameters", row.parameters},
                              {"steps", row.steps},
                              {"tokens", row.tokens},
                              {"kv_bytes_per_position",
                               {{"decoder_self", row.kv_decoder_self}, {"cross", row.kv_cross}}},
                              {"peak_memory_bytes", row.peak_memory_bytes},
                              {"disk_bytes", row.disk_bytes},
                              {"seconds", row.seconds}});
  }
  return json;
}

std::string PlanToText(const RecipePlan& plan) {
  TextTable table{{"stage", "kind", "parameters", "K/V per position", "steps", "target tokens",
                   "memory", "disk", "time"},
                  {}};
  double seconds = 0, disk = 0, memory = 0;
  const auto count = [](int64_t n) { return n == 0 ? std::string("-") : FormatCount(n); };
  for (const StagePlan& row : plan.stages) {
    const int64_t kv = row.kv_decoder_self + row.kv_cross;
    table.rows.push_back(
        {row.name, row.kind, count(row.parameters),
         kv == 0 ? "-" : absl::StrCat(FormatCount(kv), " B"), count(row.steps), count(row.tokens),
         FormatBytes(static_cast<double>(row.peak_memory_bytes)),
         FormatBytes(static_cast<double>(row.disk_bytes)), FormatDuration(row.seconds)});
    seconds += row.seconds;
    disk += static_cast<double>(row.disk_bytes);
    memory = std::max(memory, static_cast<double>(row.peak_memory_bytes));
  }
  std::string text = FormatTable(table);
  absl::StrAppend(&text, "\nin all about ", FormatDuration(seconds), ", ", FormatBytes(disk),
                  " of disk, at most ", FormatBytes(memory), " of memory (estimates)\n");
  for (const std::string& note : plan.notes) absl::StrAppend(&text, "note: ", note, "\n");
  return text;
}

}  // namespace regroup
