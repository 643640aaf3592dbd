// Walks the stages in order and carries each one's T5Config along, so that a conversion that cannot
// be is found here.
#include "pipeline/plan.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "checkpoint/hf_folder.h"
#include "checkpoint/weight_files.h"
#include "core/files.h"
#include "core/log.h"
#include "data/corruptor.h"
#include "data/rows.h"
#include "data/span_corruption.h"
#include "formats/lines.h"
#include "model/published_config.h"
#include "pipeline/context.h"
#include "pipeline/estimates.h"
#include "pipeline/lineage.h"
#include "recipe/reader.h"

namespace regroup {
namespace {

class Planner {
 public:
  Planner(const Recipe& recipe, Device device, RecipePlan& plan)
      : recipe_(recipe), device_(std::move(device)), plan_(plan) {}

  void Run() {
    plan_.device = absl::StrCat(device_.name, " (rates ", device_.source, ")");
    CheckFiles();
    for (const Stage& stage : recipe_.stages) {
      StagePlan row;
      row.name = stage.name;
      row.kind = stage.kind;
      stage_ = &stage;
      std::visit([&](const auto& config) { Plan(config, row); }, stage.config);
      plan_.stages.push_back(std::move(row));
    }
    if (unknown_rows_) plan_.notes.push_back("a task's file that is not here counts as 1,000 rows");
    NoteUnsetVariables();
    NoteMemory();
    if (device_.count > 1) {
      plan_.notes.push_back(
          "training runs on one device today; the times suppose that all share the work perfectly");
    }
  }

 private:
  // A status that names this stage's place already is taken as it is.
  void Problem(const std::string& key, const absl::Status& status) {
    const std::string place =
        absl::StrCat(stage_->Place(), ".", stage_->kind, key.empty() ? "" : ".", key);
    const std::string message(status.message());
    const size_t end = message.find(": ", stage_->Place().size());
    if (message.starts_with(stage_->Place()) && end != std::string::npos) {
      plan_.problems.Add({message.substr(0, end), message.substr(end + 2)});
    } else {
      plan_.problems.Add({place, message});
    }
  }

  // True: usable; false: the problem was noted.
  template <class T>
  bool Good(const std::string& key, const absl::StatusOr<T>& value) {
    if (!value.ok()) Problem(key, value.status());
    return value.ok();
  }

  // "recipe.yaml:12: corpora.prose.files": where the last of these keys is written.
  std::string PlaceOf(const std::vector<std::string>& keys) const {
    const Node* node = &recipe_.tree;
    Mark mark = node->mark;
    for (const std::string& key : keys) {
      node = node != nullptr ? node->Find(key) : nullptr;
      if (node != nullptr) mark = node->mark;
    }
    return absl::StrCat(mark.Text(), ": ", absl::StrJoin(keys, "."));
  }

  void CheckPaths(const std::vector<std::string>& keys, const std::vector<std::string>& paths) {
    if (paths.empty())
      plan_.problems.Add({PlaceOf(keys), "is an empty list; name at least one file"});
    for (const std::string& path : paths) {
      if (IsUnset(path)) continue;
      const auto found = ExpandGlobs(PathList(path));
      if (!found.ok()) Missing(PlaceOf(keys), found.status());
    }
  }

  // True: the path begins with a variable that is not set, which is said once for all paths.
  bool IsUnset(const std::string& path) {
    bool unset = false;
    for (const std::string& part : PathList(path)) {
      const std::optional<std::string> variable = UnsetVariable(part);
      if (variable.has_value()) unset_[*variable].push_back(part);
      unset = unset || variable.has_value();
    }
    return unset;
  }

  // A file that is not here: wrong on this machine, not known of another.
  void Missing(const std::string& place, const absl::Status& status) {
    if (device_.here) {
      plan_.problems.Add(place, status);
    } else {
      plan_.notes.push_back(absl::StrCat("not here: ", std::string(status.message())));
    }
  }

  void NoteUnsetVariables() {
    for (const auto& [variable, paths] : unset_) {
      const std::string message =
          absl::StrCat("the environment variable ", variable, " is not set; ", paths.size(),
                       " paths begin with it, the first is ", paths.front(), ". Give it: export ",
                       variable, "=FOLDER");
      if (device_.here) {
        plan_.problems.Add({absl::StrCat("${", variable, "}"), message});
      } else {
        plan_.notes.push_back(message);
      }
    }
  }

  void NoteMemory() {
    int64_t stages = 0;
    const StagePlan* largest = nullptr;
    for (const StagePlan& row : plan_.stages) {
      if (static_cast<double>(row.peak_memory_bytes) <= device_.memory_bytes) continue;
      ++stages;
      if (largest == nullptr || row.peak_memory_bytes > largest->peak_memory_bytes) largest = &row;
    }
    if (largest == nullptr || device_.memory_bytes <= 0) return;
    plan_.notes.push_back(absl::StrCat(stages, stages == 1 ? " stage needs" : " stages need",
                                       " more memory than ", device_.count > 1 ? "one of " : "",
                                       device_.name, " has (", FormatBytes(device_.memory_bytes),
                                       "); the largest is ", largest->name, " with ",
                                       FormatBytes(static_cast<double>(largest->peak_memory_bytes)),
                                       "; a smaller batch.micro_batch takes less"));
  }

  void CheckFiles() {
    for (const auto& [name, corpus] : recipe_.head.corpora)
      CheckPaths({"corpora", name, "files"}, corpus.files);
    for (const auto& [name, task] : recipe_.head.tasks) {
      const std::pair<const char*, const std::string*> parts[] = {
          {"train", &task.train}, {"dev", &task.dev}, {"test", &task.test}};
      for (const auto& [key, path] : parts) {
        if (!path->empty()) CheckPaths({"tasks", name, key}, {*path});
      }
    }
    const TokenizerConfig& tokenizer = recipe_.head.tokenizer;
    if (tokenizer.train.has_value()) {
      CheckPaths({"tokenizer", "train", "files"}, tokenizer.train->files);
    }
    if (!tokenizer.path.empty()) {
      const auto loaded = Tokenizer::Load(tokenizer.path);
      if (loaded.ok()) {
        tokenizer_size_ = (*loaded)->size();
        sentinels_ = (*loaded)->sentinels();
      } else {
        plan_.problems.Add(PlaceOf({"tokenizer", "path"}), loaded.status());
      }
    } else if (tokenizer.train.has_value()) {
      tokenizer_size_ = tokenizer.train->vocab_size + tokenizer.train->extra_ids;
      sentinels_ = tokenizer.train->extra_ids;
    }
  }

  // Reads a task's file as its stage will. Files of more than 64 MB are left to the stage.
  void CheckRows(const std::string& task, const char* key, const std::string& path) {
    constexpr uintmax_t kLargest = 64 << 20;
    std::error_code error;
    for (const std::string& file : PathList(path)) {
      if (std::filesystem::file_size(file, error) > kLargest || error) return;
    }
    if (!checked_rows_.insert({task, path}).second) return;
    const RowUse purpose =
        std::string_view(key) == "train" ? RowUse::kTraining : RowUse::kEvaluation;
    const absl::Status status =
        CheckTaskRows(ToTaskConfig(recipe_.task_files.at(task)).text, path, purpose);
    if (!status.ok()) plan_.problems.Add(PlaceOf({"tasks", task, key}), status);
  }

  // A folder that is not here counts with its published shape, if its name is known.
  std::optional<T5Config> FolderConfig(const std::string& folder) {
    const bool unset = IsUnset(folder);
    if (!unset && FolderExists(folder)) {
      const auto config = LoadHfConfig(folder);
      if (!Good("from", config) || !Good("from", FindWeightFiles(folder))) return std::nullopt;
      return *config;
    }
    const std::optional<T5Config> published = PublishedConfig(BaseName(folder));
    if (!unset && (device_.here || !published.has_value())) {
      Problem("from", LoadHfConfig(folder).status());
    } else if (!unset) {
      plan_.notes.push_back(absl::StrCat("not here: ", folder, "; its shape is the published one"));
    }
    return published;
  }

  std::optional<T5Config> Source(const std::string& from) {
    if (IsFolderReference(from)) return FolderConfig(from);
    const auto found = configs_.find(ParseStageReference(from).stage);
    return found != configs_.end() ? std::optional(found->second) : std::nullopt;
  }

  // Caches are fp32 unless the stage says otherwise.
  void Describe(const T5Config& config, StagePlan& row, const std::string& precision = "fp32") {
    const int64_t bytes = precision == "bf16" ? 2 : 4;
    row.parameters = CountParameters(config);
    row.kv_decoder_self = KvBytesPerPosition(config.kv_heads.decoder_self, config.d_kv, bytes);
    row.kv_cross = KvBytesPerPosition(config.kv_heads.cross, config.d_kv, bytes);
  }

  void Training(const T5Config& config, const BatchConfig& batch, const OptimizerConfig& optimizer,
                const std::string& precision, int64_t source, int64_t target, int64_t keep,
                StagePlan& row) {
    configs_[row.name] = config;
    Describe(config, row);
    const int64_t part = batch.micro_batch > 0 ? batch.micro_batch : batch.examples;
    const TrainingShape shape{batch.examples, part, source, target, precision, optimizer.name};
    row.tokens = row.steps * batch.examples * target;
    row.peak_memory_bytes = TrainingMemory(config, shape);
    row.disk_bytes = keep * CheckpointBytes(config, optimizer.name);
    row.seconds = TrainingSeconds(config, shape, row.steps, device_);
  }

  std::string Precision(const std::optional<std::string>& own) const {
    return own.value_or(recipe_.head.precision);
  }

  // Of the source's own tokenizer, or of the recipe's.
  int64_t SentinelsOf(const std::string& from) const {
    if (!IsFolderReference(from) || !HasTokenizer(from)) return sentinels_;
    const auto tokenizer = Tokenizer::Load(from);
    return tokenizer.ok() ? (*tokenizer)->sentinels() : sentinels_;
  }

  void CheckData(const SpanCorruptionConfig& data, int64_t sentinels) {
    if (const absl::Status fits = CheckSentinels(data, sentinels); !fits.ok())
      Problem("data", fits);
  }

  void Plan(const PretrainStage& stage, StagePlan& row) {
    const T5Config config = MakeT5Config(stage.model, tokenizer_size_);
    if (const absl::Status valid = ValidateT5Config(config, "model"); !valid.ok())
      Problem("model", valid);
    CheckData(stage.data, sentinels_);
    row.steps = stage.steps;
    const SpanLengths lengths = ComputeSpanLengths(
        stage.data.source_length, stage.data.noise_density, stage.data.mean_span_length);
    Training(config, stage.batch, stage.optimizer, Precision(stage.precision), lengths.source,
             lengths.target, stage.save.keep_last, row);
  }

  void Plan(const CalibrateStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    const auto data = CalibrationData(recipe_, *stage_);
    if (!Good("", data) || !config.has_value()) return;
    CheckData(*data, SentinelsOf(stage.from));
    Describe(*config, row);
    const SpanLengths lengths =
        ComputeSpanLengths(data->source_length, data->noise_density, data->mean_span_length);
    const CalibrateConfig& how = stage.calibrate;
    const TrainingShape shape{how.rows, how.micro_batch, lengths.source, lengths.target,
                              how.precision};
    row.tokens = how.rows * lengths.target;
    row.seconds = CalibrationSeconds(*config, shape, device_);
    const int64_t moments = 24 * config->d_model * config->d_model;  // of one attention, fp64
    row.peak_memory_bytes =
        BaseMemory() + 12 * moments +
        DecodingMemory(*config, how.micro_batch, lengths.source, lengths.target);
    row.disk_bytes = 2 * config->num_decoder_layers * moments;
  }

  // What a budget will choose is known when its stage runs: until then as many heads of each
  // attention as the share leaves.
  Json WithinBudget(const T5Config& config, const ConvertConfig& how, const std::string& name) {
    const double budget = *how.kv_budget * (1 + 1e-4);
    KvHeads heads = config.kv_heads;
    for (const std::string& site : SitesOf(how)) {
      for (int64_t& own : heads.Of(site)) {
        const int64_t all = own;
        own = 0;
        for (int64_t g = 1; g <= all; ++g) {
          if (all % g == 0 && static_cast<double>(g) <= budget * static_cast<double>(all)) own = g;
        }
        own = std::max<int64_t>(own, 1);
      }
    }
    plan_.notes.push_back(absl::StrCat(name,
                                       ": kv_budget chooses the K/V heads of each layer when "
                                       "it runs; reckoned with the same share everywhere"));
    return KvHeadsJson(heads, SitesOf(how));
  }

  void Plan(const ConvertStage& stage, StagePlan& row) {
    std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    ConvertConfig how = stage.convert;
    if (how.kv_budget.has_value()) how.kv_heads = WithinBudget(*config, how, row.name);
    const auto heads = TargetKvHeads(*config, how);
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
    CheckData(now.data, SentinelsOf(stage.from));
    const SpanLengths lengths = ComputeSpanLengths(now.data.source_length, now.data.noise_density,
                                                   now.data.mean_span_length);
    Training(*config, now.batch, resolved->optimizer, Precision(stage.precision), lengths.source,
             lengths.target, stage.save.keep_last, row);
    if (stage.distillation.has_value()) AddTeacher(stage, lengths, now.batch, row);
    CompareAlpha(stage.alpha, *resolved, row);
  }

  // A forward pass more, and the teacher's weights.
  void AddTeacher(const UptrainStage& stage, const SpanLengths& lengths, const BatchConfig& batch,
                  StagePlan& row) {
    const std::optional<T5Config> teacher = Source(stage.distillation->teacher);
    if (!teacher.has_value()) return;
    const double flops =
        TrainStepFlops(*teacher, batch.examples, lengths.source, lengths.target) / 3;
    row.seconds += static_cast<double>(row.steps) * flops /
                   (device_.Flops(Precision(stage.precision)) * device_.share *
                    static_cast<double>(device_.count));
    row.peak_memory_bytes += 4 * CountParameters(*teacher);
  }

  // Alpha counts target tokens: with another batch or length the steps are another share.
  void CompareAlpha(double alpha, const ResolvedUptrain& resolved, const StagePlan& row) {
    const double of_steps =
        static_cast<double>(row.steps) / static_cast<double>(resolved.before.original_steps);
    const bool differ = std::abs(alpha - of_steps) > 0.01 * alpha && row.steps > 1;
    plan_.notes.push_back(absl::StrFormat(
        "%s: alpha is %.3g %% of the original target tokens, %.3g %% of the original steps%s",
        row.name, 100 * alpha, 100 * of_steps,
        differ ? "; they differ: another batch or length, or few steps" : ""));
  }

  void Plan(const FinetuneStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    const TaskEntry& entry = recipe_.head.tasks.at(stage.task);
    CheckRows(stage.task, "train", entry.train);
    CheckRows(stage.task, "dev", entry.dev);
    row.steps = stage.steps;
    const TaskLengths& lengths = recipe_.task_files.at(stage.task).lengths;
    Training(*config, stage.batch, stage.optimizer, Precision(stage.precision), lengths.source,
             lengths.target, stage.save.keep_last + 1, row);
  }

  // Rows of a task's file; a number to reckon with where it is not here.
  int64_t RowsOf(const std::string& path) {
    constexpr int64_t kUnknown = 1000;
    const int64_t rows = CountLines(PathList(path)[0]);
    unknown_rows_ = unknown_rows_ || rows == 0;
    return rows > 0 ? rows : kUnknown;
  }

  void Plan(const EvaluateStage& stage, StagePlan& row) {
    const std::optional<T5Config> config = Source(stage.from);
    if (!config.has_value()) return;
    Describe(*config, row, stage.precision.value_or("fp32"));
    const TaskFile& task = recipe_.task_files.at(stage.task);
    const TaskEntry& entry = recipe_.head.tasks.at(stage.task);
    const std::string& path = stage.split == "dev" ? entry.dev : entry.test;
    CheckRows(stage.task, stage.split.c_str(), path);
    const int64_t rows = RowsOf(path);
    const int64_t beams = stage.beams.value_or(task.decode.beams.value_or(1));
    row.peak_memory_bytes = DecodingMemory(
        *config, task.decode.batch_tokens / std::max<int64_t>(1, task.lengths.source),
        task.lengths.source, beams * task.lengths.target);
    row.seconds = DecodingSeconds(*config, rows, task.lengths.source, task.lengths.target, device_,
                                  stage.precision.value_or("fp32"));
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
                     DecodingSeconds(*config, stage.batch, stage.source, stage.target, device_,
                                     stage.precision.value_or("fp32"));
    }
    row.disk_bytes = 4096;
  }

  void Plan(const CompareStage&, StagePlan& row) {
    row.disk_bytes = 16384;
    row.peak_memory_bytes = BaseMemory();
  }

  const Recipe& recipe_;
  const Device device_;
  RecipePlan& plan_;
  std::map<std::string, std::vector<std::string>> unset_;  // variable -> paths that begin with it
  const Stage* stage_ = nullptr;
  bool unknown_rows_ = false;
  int64_t tokenizer_size_ = 32100;
  int64_t sentinels_ = 100;
  std::map<std::string, T5Config> configs_;
  std::set<std::pair<std::string, std::string>> checked_rows_;  // task, path
};

}  // namespace

RecipePlan PlanRecipe(const Recipe& recipe, const std::optional<Device>& device) {
  RecipePlan plan;
  Planner(recipe, device.value_or(ThisMachine()), plan).Run();
  return plan;
}

}  // namespace regroup
