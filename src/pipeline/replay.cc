// A trainer in a scratch folder, started at a checkpoint of the run.
#include "pipeline/replay.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/log.h"
#include "core/near_path.h"
#include "core/progress.h"
#include "core/stop.h"
#include "pipeline/training.h"
#include "report/table.h"
#include "train/ledger.h"

namespace regroup {
namespace {

constexpr size_t kShownGradients = 8;
constexpr size_t kShownExamples = 10;
constexpr size_t kShownText = 60;

// A folder that goes with the object.
class ScratchFolder {
 public:
  static absl::StatusOr<ScratchFolder> Make() {
    std::string path = (std::filesystem::temp_directory_path() / "regroup-replay-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return RunError(path, "cannot be made");
    return ScratchFolder(path);
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  ~ScratchFolder() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

absl::StatusOr<const Stage*> TrainingStage(const Recipe& recipe, const RunFolder& run,
                                           const std::string& name) {
  std::vector<std::string> with_ledger, training;
  for (const Stage& stage : recipe.stages) {
    if (stage.kind != "pretrain" && stage.kind != "uptrain" && stage.kind != "finetune") continue;
    training.push_back(stage.name);
    if (FileExists(JoinPath(run.StageFolder(stage.name), kLedgerName)))
      with_ledger.push_back(stage.name);
  }
  if (with_ledger.empty()) {
    return UserError(run.path(), absl::StrCat("no stage has a ", kLedgerName,
                                              ": nothing was refused in this run"));
  }
  if (name.empty() && with_ledger.size() == 1) return recipe.Find(with_ledger.front());
  if (std::ranges::find(with_ledger, name) != with_ledger.end()) return recipe.Find(name);
  return UserError("--stage",
                   absl::StrCat(name.empty() ? "is needed" : absl::StrCat("found \"", name, "\""),
                                DidYouMean(name, training),
                                "; stages with a ledger: ", absl::StrJoin(with_ledger, ", ")));
}

absl::StatusOr<LedgerEntry> EntryOf(const std::string& stage_folder,
                                    const std::optional<int64_t>& number) {
  REGROUP_ASSIGN_OR_RETURN(const std::vector<LedgerEntry> entries, ReadLedger(stage_folder));
  const auto count = static_cast<int64_t>(entries.size());
  const int64_t wanted = number.value_or(count);
  if (wanted >= 1 && wanted <= count) return entries[static_cast<size_t>(wanted - 1)];
  return UserError("--entry",
                   absl::StrCat("found ", wanted, ", the ledger has ", count, " entries, from 1"));
}

absl::StatusOr<TrainingInputs> InputsOf(const StageContext& context) {
  if (context.stage->kind == "pretrain") return PretrainInputs(context);
  if (context.stage->kind == "uptrain") return UptrainInputs(context);
  return FinetuneInputs(context);
}

// Bits depend on the number of threads: that of the run, unless a person chose another.
void UseThreadsOf(const std::string& run) {
  const absl::StatusOr<Json> environment = ReadConfigFile(JoinPath(run, "environment.json"));
  const bool known = environment.ok() && environment->is_object() &&
                     environment->value("threads", Json()).is_number_integer();
  const int64_t threads = known ? (*environment)["threads"].get<int64_t>() : 0;
  if (threads >= 1 && threads <= 4096) at::set_num_threads(static_cast<int>(threads));
}

// The newest good checkpoint that has not gone beyond `step` steps.
std::optional<RunCheckpoint> CheckpointUpTo(const std::string& stage_folder, int64_t step) {
  std::vector<int64_t> steps = ListCheckpoints(stage_folder);
  std::reverse(steps.begin(), steps.end());
  for (const int64_t at : steps) {
    if (at > step) continue;
    auto checkpoint = LoadRunCheckpoint(JoinPath(stage_folder, CheckpointName(at)));
    if (checkpoint.ok()) return *std::move(checkpoint);
    LogWarning(absl::StrCat(CheckpointName(at), " cannot be used (",
                            std::string(checkpoint.status().message()), ")"));
  }
  return std::nullopt;
}

absl::Status TrainUpTo(Trainer& trainer, int64_t step) {
  ProgressMeter meter("training again", "steps", step - trainer.step());
  while (trainer.step() < step) {
    if (StopRequested()) return StoppedStatus();
    REGROUP_RETURN_IF_ERROR(trainer.Step().status());
    meter.Add(1);
  }
  return absl::OkStatus();
}

// Not finite counts as largest.
bool Larger(double a, double b) {
  if (std::isfinite(a) != std::isfinite(b)) return std::isfinite(b);
  return a > b;
}

bool SameNumber(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

Json ExamplesJson(const WindowExam& exam, const Tokenizer* tokenizer) {
  std::vector<size_t> order(exam.examples.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return Larger(exam.example_losses[a], exam.example_losses[b]);
  });
  const auto text = [&](const std::vector<int32_t>& ids) {
    return tokenizer != nullptr ? Json(tokenizer->Decode(ids)) : Json();
  };
  Json list = Json::array();
  for (const size_t i : order) {
    const Example& example = exam.examples[i];
    list.push_back({{"position", example.position},
                    {"id", example.id},
                    {"source_tokens", example.input_ids.size()},
                    {"target_tokens", example.target_ids.size()},
                    {"loss", LedgerNumber(exam.example_losses[i])},
                    {"input", text(example.input_ids)},
                    {"target", text(example.target_ids)}});
  }
  return list;
}

Json GradientsJson(const WindowExam& exam) {
  std::vector<std::pair<std::string, double>> norms(exam.gradient_norms.begin(),
                                                    exam.gradient_norms.end());
  std::ranges::stable_sort(norms,
                           [](const auto& a, const auto& b) { return Larger(a.second, b.second); });
  Json list = Json::array();
  for (const auto& [name, norm] : norms)
    list.push_back({{"tensor", name}, {"norm", LedgerNumber(norm)}});
  return list;
}

std::string NumberText(const Json& number) {
  return number.is_string() ? number.get<std::string>()
                            : absl::StrFormat("%.4f", number.get<double>());
}

std::string Shown(const Json& text) {
  if (!text.is_string()) return "";
  const std::string whole = text.get<std::string>();
  const std::string cut = CutToColumns(whole, static_cast<int>(kShownText));
  return cut.size() < whole.size() ? cut + "..." : cut;
}

}  // namespace

absl::StatusOr<Json> Replay(const ReplayRequest& request) {
  const std::string recipe_path = JoinPath(request.run, "recipe.yaml");
  if (!FileExists(recipe_path))
    return UserError(request.run, "is no run folder: there is no recipe.yaml in it" +
                                      DidYouMeanPath(request.run));
  const LoadedRecipe loaded = LoadRecipe(recipe_path, {});
  REGROUP_RETURN_IF_ERROR(loaded.problems.ToStatus());
  const std::unique_ptr<RunFolder> run = RunFolder::View(request.run);
  REGROUP_ASSIGN_OR_RETURN(const Stage* stage, TrainingStage(loaded.recipe, *run, request.stage));
  const StageContext context{&loaded.recipe, stage, run.get(), request.device};
  REGROUP_ASSIGN_OR_RETURN(const LedgerEntry entry, EntryOf(context.folder(), request.entry));

  if (!request.own_threads) UseThreadsOf(request.run);
  REGROUP_ASSIGN_OR_RETURN(TrainingInputs inputs, InputsOf(context));
  REGROUP_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::Make());
  const std::string ledger = JoinPath(context.folder(), kLedgerName);
  REGROUP_ASSIGN_OR_RETURN(const std::string lines, ReadFile(ledger));
  REGROUP_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(scratch.path(), kLedgerName), lines));
  inputs.start.checkpoint = CheckpointUpTo(context.folder(), entry.step - 1);
  const std::string from = inputs.start.checkpoint.has_value()
                               ? CheckpointName(inputs.start.checkpoint->step)
                               : "the beginning";
  REGROUP_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(std::move(inputs.config), std::move(inputs.start), inputs.stream.get(),
                      nullptr, inputs.tokenizer, scratch.path()));
  const int64_t steps_again = entry.step - 1 - trainer->step();
  REGROUP_RETURN_IF_ERROR(TrainUpTo(*trainer, entry.step - 1));
  REGROUP_ASSIGN_OR_RETURN(const WindowExam exam, trainer->Examine(entry.position));
  return Json{{"stage", stage->name},
              {"entry",
               {{"action", entry.action},
                {"step", entry.step},
                {"position", entry.position},
                {"reason", entry.reason},
                {"loss", LedgerNumber(entry.loss)},
                {"gradient_norm", LedgerNumber(entry.gradient_norm)}}},
              {"from", from},
              {"steps_again", steps_again},
              {"loss", LedgerNumber(exam.loss)},
              {"gradient_norm", LedgerNumber(exam.gradient_norm)},
              {"same", SameNumber(exam.loss, entry.loss) &&
                           SameNumber(exam.gradient_norm, entry.gradient_norm)},
              {"examples", ExamplesJson(exam, inputs.tokenizer.get())},
              {"gradients", GradientsJson(exam)}};
}

std::string ReplayText(const Json& replay) {
  const Json& entry = replay["entry"];
  std::string text = absl::StrCat(
      replay["stage"].get<std::string>(), ", step ", entry["step"].get<int64_t>(), ", ",
      entry["action"].get<std::string>(), ": ", entry["reason"].get<std::string>(), "\n",
      "state: ", replay["from"].get<std::string>(), ", ", replay["steps_again"].get<int64_t>(),
      " steps trained again\n", "loss ", NumberText(replay["loss"]), ", gradient norm ",
      NumberText(replay["gradient_norm"]),
      replay["same"].get<bool>()
          ? ": as recorded, bit for bit\n"
          : absl::StrCat("; recorded: ", NumberText(entry["loss"]), " and ",
                         NumberText(entry["gradient_norm"]),
                         " (another machine, binary or number of threads)\n"));
  TextTable examples{{"position", "id", "source", "target", "loss"}, {}};
  std::string texts;
  for (const Json& example : replay["examples"]) {
    if (examples.rows.size() == kShownExamples) break;
    const std::string position = absl::StrCat(example["position"].get<int64_t>());
    examples.rows.push_back({position, example["id"].get<std::string>(),
                             absl::StrCat(example["source_tokens"].get<int64_t>()),
                             absl::StrCat(example["target_tokens"].get<int64_t>()),
                             NumberText(example["loss"])});
    absl::StrAppend(&texts, "  ", position, "  ", Shown(example["input"]), "\n", "    -> ",
                    Shown(example["target"]), "\n");
  }
  TextTable gradients{{"tensor", "gradient norm"}, {}};
  for (const Json& gradient : replay["gradients"]) {
    if (gradients.rows.size() == kShownGradients) break;
    gradients.rows.push_back({gradient["tensor"].get<std::string>(), NumberText(gradient["norm"])});
  }
  return absl::StrCat(text, "\nExamples, worst first (", examples.rows.size(), " of ",
                      replay["examples"].size(), "; --json has all)\n\n", FormatTable(examples),
                      "\n", texts, "\n", FormatTable(gradients));
}

}  // namespace regroup
