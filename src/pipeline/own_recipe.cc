// The recipe's text, and the numbers in it.
#include "pipeline/own_recipe.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "checkpoint/folder_target.h"
#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "core/log.h"
#include "data/corruptor.h"
#include "data/span_corruption.h"
#include "pipeline/estimates.h"
#include "text/tokenizer.h"

namespace regroup {
namespace {

constexpr int64_t kPublishedSteps = 1'000'000;  // of T5 and T5 1.1, batches of 2,048 rows
constexpr double kSecondsOfAStage = 1200;
constexpr int64_t kExamples = 16, kMicroBatch = 4;
constexpr int64_t kFewDevRows = 200;
constexpr char kKeepLeastLoss[] =
    "      keep_best: [loss]           # a metric of so few dev rows is mostly noise\n";
constexpr int64_t kMostSource = 512, kLeastSource = 16, kMostTarget = 128;

// What stands in the text in place of @NAME@.
using Values = std::vector<std::pair<std::string, std::string>>;

constexpr char kHead[] =
    R"(# Question: do fewer K/V heads make @BASE@ faster at the same quality on my rows?
# Command: regroup run @FOLDER@/recipe.yaml
# Needs: the checkpoint @MODEL@, and the files beside this one.
# Cost: `regroup plan @FOLDER@/recipe.yaml` says it; the steps below were chosen for about @HOURS@ on the
#   machine where this was written. More steps are better: change alpha (with the last entry of evaluate_at) and
#   steps before the first run; later, name the changed stages with --redo.
# Result: @RESULT@
#   Everything stays in runs/@NAME@/. Stop it at any moment; the same command goes on.
name: @NAME@
seed: 1
device: auto
precision: fp32                # bf16 where `regroup doctor` says that it is faster

tokenizer: {path: "@MODEL@"}

# What uptraining reads: the texts of your own rows. C4, or other text of the kind that the checkpoint was trained on,
# is better, and as much of it as there is: files: ["c4-train.*.json.gz"], text: text
corpora:
  own: {files: [train.jsonl], format: jsonl, text: "@TEXT@"}
  heldout: {files: [dev.jsonl], format: jsonl, text: "@TEXT@"}
)";

constexpr char kTasks[] = R"(
# @REASON@.
# A twentieth of the rows each, chosen by a hash, is kept to choose the checkpoint (dev) and to test.
tasks:
  mine: {task: task.yaml, train: train.jsonl, dev: dev.jsonl, test: test.jsonl}
)";

constexpr char kStages[] = R"(
for_each:
  v: {@VARIANTS@}       # K/V heads of @HEADS@; any divisor
  u: {@UPTRAINED@}
@MODELS@
stages:
  # The heads of a group become their mean (GQA paper, section 2.1), in the decoder's self- and cross-attention.
  "{v}": {convert: {from: "@MODEL@", kv_heads: "{v.kv_heads}", method: mean}}

  # Pre-training goes on, of the checkpoint itself too: what it learns of your text is no merit of its variants. The
  # paper's alpha is 5 % of the original steps, @PAPER@ here; the loss comes down most in the first hundreds.
  "{u}":
    uptrain:
      from: "{u.from}"
      original_steps: @ORIGINAL@      # T5 and T5 1.1 were trained for so many (batches of 2,048 rows)
      alpha: @ALPHA@               # @STEPS@ steps
      data: {mixture: {own: 1.0}, source_length: @SOURCE@}
      batch: {examples: @EXAMPLES@, micro_batch: @MICRO@}   # a smaller micro_batch takes less memory
      optimizer: {name: adafactor, learning_rate: {schedule: constant, rate: 0.001}}
      evaluate_at: [0, @ALPHA@]    # the held-out loss before and after
      validate: {corpus: heldout, rows: 64}
      save: {every: @SAVE@}
      log_every: @LOG@
)";

constexpr char kFinetune[] = R"(
  # The checkpoint as it is and its variants learn the task alike, and are tested on rows that none has seen.
  "{m}_mine":
    finetune:
      from: "{m.from}"
      task: mine
      steps: @TASKSTEPS@
      batch: {examples: @EXAMPLES@, micro_batch: @MICRO@}
      optimizer: {name: adafactor, learning_rate: {schedule: constant, rate: 0.001}}
      dropout_rate: 0.1
      validate_rows: 256
@KEEPBEST@      log_every: @TASKLOG@
  "{m}_test": {evaluate: {from: "{m}_mine", task: mine, split: test}}
  speed: {bench: {from: ["{m}_mine"], batch: 8, source: @TASKSOURCE@, target: @TASKTARGET@, repeats: 3}}
  table: {compare: {rows: ["{m}_test"], bench: speed, recovery: ["{u}"]}}

  # Plain multi-head T5 folders that stock software loads; leave expand_kv out for the compact form.
  "{m}_export": {export: {from: "{m}_mine", expand_kv: true}}
)";

constexpr char kOnlyUptrain[] = R"(
  speed: {bench: {from: ["@MODEL@", "{v}_up"], batch: 8, source: @SOURCE@, target: 64, repeats: 3}}

  # Plain multi-head T5 folders that stock software loads; leave expand_kv out for the compact form.
  "{v}_export": {export: {from: "{v}_up", expand_kv: true}}
)";

constexpr char kTaskFile[] =
    R"(# How a row of my data becomes source and target; every key stands in docs/recipes.md.
name: mine
input: "@INPUT@"
target: "@TARGET@"
reader: jsonl
lengths: {source: @TASKSOURCE@, target: @TASKTARGET@}    # in tokens with EOS; longer texts are cut
metrics: [@METRIC@]
decode: {beams: 1, max_length: @TASKTARGET@}
)";

// Two digits: nobody reads more into an estimate.
int64_t Rounded(double steps) {
  const double unit = std::pow(10.0, std::max(0.0, std::floor(std::log10(steps)) - 1));
  return static_cast<int64_t>(std::round(steps / unit) * unit);
}

int64_t StepsFor(const T5Config& config, int64_t source, int64_t target) {
  constexpr int64_t kTrial = 100;
  const double seconds =
      TrainingSeconds(config, {kExamples, kMicroBatch, source, target}, kTrial, ThisMachine()) /
      kTrial;
  return Rounded(std::clamp(kSecondsOfAStage / seconds, 20.0, 2000.0));
}

// The longest corrupted source for which the vocabulary has sentinels.
int64_t SourceFor(int64_t sentinels) {
  SpanCorruptionConfig data;
  data.source_length = kMostSource;
  while (data.source_length > kLeastSource && !CheckSentinels(data, sentinels).ok())
    data.source_length /= 2;
  return data.source_length;
}

std::string Quoted(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string Filled(std::string text, const Values& values) {
  for (const auto& [name, value] : values)
    text = absl::StrReplaceAll(text, {{"@" + name + "@", value}});
  return text;
}

// Letters, digits, _ and -: what names a run folder.
std::string NameFor(const std::string& folder) {
  std::string name = BaseName(NormalFolder(folder));
  for (char& c : name) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                      c == '_' || c == '-';
    if (!fits) c = '-';
  }
  return name.empty() || name[0] == '-' ? "mine" : name;
}

// The models that learn the task: the checkpoint and its variants.
std::string ModelsVariable(const std::string& model, const std::vector<std::string>& names) {
  std::string text = absl::StrCat("  m: {parent: {from: \"", Quoted(model), "\"}");
  for (const std::string& name : names)
    absl::StrAppend(&text, ", ", name, ": {from: ", name, "_up}");
  return text + "}\n";
}

// What goes on with its pre-training: the checkpoint and its variants.
std::string UptrainedVariable(const std::string& model, const std::vector<std::string>& names) {
  std::string text = absl::StrCat("parent_up: {from: \"", Quoted(model), "\"}");
  for (const std::string& name : names)
    absl::StrAppend(&text, ", ", name, "_up: {from: ", name, "}");
  return text;
}

// Few rows are learned by heart in a few epochs.
int64_t TaskSteps(int64_t steps, int64_t rows) {
  constexpr int64_t kMostEpochs = 20, kFewestSteps = 50;
  return std::min(steps, std::max(kFewestSteps, kMostEpochs * rows / kExamples));
}

struct Variants {
  std::vector<std::string> names, shown;
  std::string yaml;
};

Variants VariantsOf(int64_t heads) {
  Variants all;
  const int64_t grouped = NearestKvHeads(heads, 8);
  const auto add = [&](const std::string& name, int64_t kv_heads) {
    all.names.push_back(name);
    all.shown.push_back(absl::StrCat(name, ": ", kv_heads, " of ", heads, " K/V heads"));
    absl::StrAppend(&all.yaml, all.yaml.empty() ? "" : ", ", name, ": {kv_heads: ", kv_heads, "}");
  };
  if (grouped > 1) add("gqa", grouped);
  add("mqa", 1);
  return all;
}

// What the numbers of a recipe come from.
struct Sizes {
  std::string model;  // absolute
  T5Config config;
  Variants variants;
  int64_t source = 0;  // of uptraining
};

std::string Hours(const Sizes& sizes, const SpanLengths& lengths, int64_t steps,
                  int64_t task_steps) {
  const auto count = static_cast<double>(sizes.variants.names.size());
  const auto seconds = [&](int64_t source, int64_t target, int64_t number) {
    return TrainingSeconds(sizes.config, {kExamples, kMicroBatch, source, target}, number,
                           ThisMachine());
  };
  return FormatDuration((count + 1) * seconds(lengths.source, lengths.target, steps) +
                        (count + 1) * seconds(kMostSource, kMostTarget, task_steps));
}

Values ValuesOf(const OwnRecipeRequest& request, const OwnRows& rows, const Sizes& sizes) {
  const SpanLengths lengths = ComputeSpanLengths(sizes.source, 0.15, 3.0);
  const bool has_task = rows.task.HasTask();
  const int64_t steps = StepsFor(sizes.config, lengths.source, lengths.target);
  const int64_t task_steps =
      has_task ? TaskSteps(StepsFor(sizes.config, kMostSource, kMostTarget), rows.train) : 0;
  const auto log_every = [](int64_t number) {
    return absl::StrCat(std::clamp<int64_t>(number / 100, 1, 10));
  };
  constexpr char kTable[] =
      "a table of the checkpoint and its variants with quality, time per sample and K/V bytes, "
      "and\n"
      "#   folders that stock software loads.";
  constexpr char kLosses[] =
      "the held-out loss before and after, speed, and folders that stock software loads.";
  return {{"BASE", BaseName(sizes.model)},
          {"FOLDER", NormalFolder(request.to)},
          {"RESULT", has_task ? kTable : kLosses},
          {"NAME", NameFor(request.to)},
          {"MODEL", Quoted(sizes.model)},
          {"TEXT", Quoted(rows.task.text)},
          {"REASON", absl::StrCat("The task: ", rows.task.reason)},
          {"VARIANTS", sizes.variants.yaml},
          {"HEADS", absl::StrCat(sizes.config.kv_heads.cross.front())},
          {"UPTRAINED", UptrainedVariable(sizes.model, sizes.variants.names)},
          {"KEEPBEST", rows.dev < kFewDevRows ? kKeepLeastLoss : ""},
          {"MODELS", has_task ? ModelsVariable(sizes.model, sizes.variants.names) : ""},
          {"PAPER", FormatCount(kPublishedSteps / 20)},
          {"ORIGINAL", absl::StrCat(kPublishedSteps)},
          {"ALPHA", absl::StrCat(static_cast<double>(steps) / kPublishedSteps)},
          {"STEPS", FormatCount(steps)},
          {"SAVE", absl::StrCat(std::max<int64_t>(1, steps / 10))},
          {"LOG", log_every(steps)},
          {"SOURCE", absl::StrCat(sizes.source)},
          {"EXAMPLES", absl::StrCat(kExamples)},
          {"MICRO", absl::StrCat(kMicroBatch)},
          {"TASKSTEPS", absl::StrCat(task_steps)},
          {"TASKLOG", log_every(task_steps)},
          {"TASKSOURCE", absl::StrCat(kMostSource)},
          {"TASKTARGET", absl::StrCat(kMostTarget)},
          {"INPUT", Quoted(rows.task.input)},
          {"TARGET", Quoted(rows.task.target)},
          {"METRIC", rows.task.metric},
          {"HOURS", Hours(sizes, lengths, steps, task_steps)}};
}

absl::Status WriteFiles(const OwnRecipeRequest& request, const OwnRows& rows, const Values& values,
                        const std::string& folder) {
  const bool has_task = rows.task.HasTask();
  const std::string recipe = Filled(
      absl::StrCat(kHead, has_task ? kTasks : "", kStages, has_task ? kFinetune : kOnlyUptrain),
      values);
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(folder, "recipe.yaml"), recipe));
  if (has_task)
    REGROUP_RETURN_IF_ERROR(
        WriteFileAtomically(JoinPath(folder, "task.yaml"), Filled(kTaskFile, values)));
  return SplitOwnRows(request.data, rows, folder);
}

}  // namespace

int64_t NearestKvHeads(int64_t heads, int64_t wanted) {
  int64_t nearest = 1;
  for (int64_t divisor = 1; divisor < heads; ++divisor) {
    if (heads % divisor == 0 && std::abs(divisor - wanted) < std::abs(nearest - wanted))
      nearest = divisor;
  }
  return nearest;
}

absl::StatusOr<OwnRecipe> WriteOwnRecipe(const OwnRecipeRequest& request) {
  if (!ListFolder(request.to).value_or(std::vector<std::string>{}).empty())
    return UserError(request.to, "is not empty; name a new folder with --to");
  REGROUP_RETURN_IF_ERROR(CheckNewFolder(request.to, request.model, false));
  Sizes sizes;
  REGROUP_ASSIGN_OR_RETURN(sizes.config, LoadHfConfig(request.model));
  REGROUP_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::Load(request.model));
  const KvHeads& kv_heads = sizes.config.kv_heads;
  const int64_t heads = std::min(kv_heads.decoder_self.front(), kv_heads.cross.front());
  if (heads == 1)
    return UserError(request.model, "has a single K/V head already: nothing is left to merge");
  OwnRecipe made;
  REGROUP_ASSIGN_OR_RETURN(made.rows, LookAtOwnRows(request.data, request.task));
  sizes.model = NormalFolder(std::filesystem::absolute(request.model).lexically_normal().string());
  sizes.variants = VariantsOf(heads);
  sizes.source = SourceFor(tokenizer->sentinels());
  const Values values = ValuesOf(request, made.rows, sizes);
  REGROUP_RETURN_IF_ERROR(PublishFolder(request.to, [&](const std::string& folder) {
    return WriteFiles(request, made.rows, values, folder);
  }));
  made.recipe = JoinPath(NormalFolder(request.to), "recipe.yaml");
  made.variants = sizes.variants.shown;
  return made;
}

}  // namespace regroup
