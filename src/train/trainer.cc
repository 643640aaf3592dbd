// The training loop. Step() is one optimizer step in numbered phases, Run() the life of a stage.
#include "train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/clock.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/stop.h"
#include "model/distillation.h"
#include "ops/machine.h"
#include "optim/learned_merge.h"
#include "parallel/gradient_tree.h"
#include "train/guard.h"
#include "train/ledger.h"
#include "train/metrics_log.h"
#include "train/progress_line.h"
#include "train/train_progress.h"

namespace regroup {
namespace {

using Clock = std::chrono::steady_clock;

at::ScalarType ComputeType(const std::string& precision) {
  return precision == "bf16" ? at::kBFloat16 : at::kFloat;
}

// fp32 copies of `weights` on `device`, owned by the trainer (the source may be a read-only
// mapping).
StateDict MasterWeights(const StateDict& weights, at::Device device) {
  StateDict masters;
  for (const auto& [name, tensor] : weights) {
    masters[name] =
        tensor.to(device, at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  }
  return masters;
}

// Takes the gradients out of the weights that are trained (zeros where backward reached nothing).
StateDict TakeGradients(StateDict& weights) {
  StateDict gradients;
  for (auto& [name, tensor] : weights) {
    if (!tensor.requires_grad()) continue;
    gradients[name] = tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor.detach());
    tensor.mutable_grad().reset();
  }
  return gradients;
}

LedgerEntry EntryOf(const std::vector<Example>& window, const StepReport& report,
                    const std::string& fault) {
  LedgerEntry entry;
  entry.position = window.front().position;
  entry.examples = static_cast<int64_t>(window.size());
  for (const Example& example : window) {
    if (!example.id.empty()) entry.ids.push_back(example.id);
  }
  entry.reason = fault;
  entry.loss = report.loss;
  entry.gradient_norm = report.gradient_norm;
  entry.learning_rate = report.learning_rate;
  entry.time = UnixTime();
  return entry;
}

void AppendRowLosses(const LossOutput& out, const Batch& batch, std::vector<double>& losses) {
  const at::Tensor loss_b = out.row_loss_b.detach().to(at::kCPU, at::kDouble).contiguous();
  for (int64_t i = 0; i < batch.rows; ++i) {
    losses.push_back(loss_b.const_data_ptr<double>()[i] /
                     batch.target_lengths_b[static_cast<size_t>(i)]);
  }
}

void CountTokens(const std::vector<Example>& window, StepReport& report) {
  report.source_tokens = report.target_tokens = 0;
  for (const Example& example : window) {
    report.source_tokens += static_cast<int64_t>(example.input_ids.size());
    report.target_tokens += static_cast<int64_t>(example.target_ids.size());
  }
}

class TrainerImpl final : public Trainer {
 public:
  TrainerImpl(TrainConfig config, ExampleStream* stream, Validator* validator,
              std::shared_ptr<const Tokenizer> tokenizer, std::string run_folder)
      : config_(std::move(config)),
        stream_(stream),
        validator_(validator),
        tokenizer_(std::move(tokenizer)),
        run_folder_(std::move(run_folder)),
        device_(config_.device),
        guard_(config_.guard) {}

  absl::Status Prepare(TrainStart start);
  int64_t step() const override { return step_; }
  absl::StatusOr<StepReport> Step() override;
  absl::StatusOr<WindowExam> Examine(uint64_t position) override;
  absl::StatusOr<TrainResult> Run() override;

 private:
  absl::Status Restore(const RunCheckpoint& checkpoint);
  absl::StatusOr<std::vector<Example>> ReadWindow();
  absl::Status PassOverSkipped();
  LossOutput Loss(const Batch& batch) const;
  double ForwardBackward(const std::vector<Example>& window, StepReport& report,
                         StateDict& gradients, std::vector<double>* example_losses = nullptr);
  absl::Status Refuse(const std::vector<Example>& window, const StepReport& report,
                      const std::string& fault);
  absl::Status StopAt(LedgerEntry entry);
  bool ValidationDue() const;
  bool SaveDue() const;
  bool IsBest() const;
  bool StopsEarly() const;
  bool AtEnd() const { return step_ >= config_.steps || StopsEarly(); }
  absl::Status Validate();
  absl::Status Save(uint64_t data_position, Json data_hint);
  absl::Status SaveHere() { return Save(stream_->position(), stream_->Hint()); }
  absl::Status CouldNotSave(const absl::Status& why) const;
  absl::Status Retain() const;
  absl::Status LogWindow();
  StepView View() const;
  TrainProgress Progress(uint64_t data_position, Json data_hint) const;
  TrainResult Result() const;

  TrainConfig config_;
  ExampleStream* stream_;
  Validator* validator_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string run_folder_;
  at::Device device_;
  std::unique_ptr<T5Model> model_;
  std::unique_ptr<Distiller> distiller_;  // null: no teacher
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<MetricsLog> metrics_;
  Json provenance_;
  Json generation_config_;
  int64_t step_ = 0;
  int64_t saved_step_ = -1;
  Json saved_hint_;  // of the stream, when it was last saved or sought
  int64_t source_tokens_ = 0;
  int64_t target_tokens_ = 0;
  Validations validations_;
  Window window_;
  LossGuard guard_;
  std::vector<LedgerEntry> ledger_;
  // What a person is told of speed; nothing of it changes results.
  double step_flops_ = 0;
  double peak_flops_ = 0;
  int64_t first_step_ = 0;
  Clock::time_point run_start_;
  Clock::time_point last_save_ = Clock::now();
  DrawClock draw_clock_;
};

absl::Status TrainerImpl::Prepare(TrainStart start) {
  REGROUP_RETURN_IF_ERROR(MakeFolders(run_folder_));
  REGROUP_ASSIGN_OR_RETURN(ledger_, ReadLedger(run_folder_));
  std::optional<RunCheckpoint> checkpoint = std::move(start.checkpoint);
  if (!checkpoint.has_value()) {
    REGROUP_ASSIGN_OR_RETURN(checkpoint, LoadUsable(run_folder_, config_.keep_best));
  }
  provenance_ = std::move(start.provenance);
  generation_config_ = std::move(start.generation_config);
  const StateDict& source = checkpoint ? checkpoint->weights : start.weights;
  model_ = std::make_unique<T5Model>(start.config, MasterWeights(source, device_),
                                     ComputeType(config_.precision));
  start.trained.empty() ? model_->RequireGrad(true) : model_->RequireGradOf(start.trained);
  if (start.teacher.has_value())
    distiller_ = std::make_unique<Distiller>(model_.get(), start.teacher->config,
                                             start.teacher->weights, start.teacher->how);
  optimizer_ = MakeOptimizer(config_.optimizer);
  if (!start.merged_heads.empty())
    optimizer_ = LearnMerge(std::move(optimizer_), start.merged_heads, start.config.d_kv);
  if (checkpoint) {
    REGROUP_RETURN_IF_ERROR(Restore(*checkpoint));
  } else {
    REGROUP_RETURN_IF_ERROR(optimizer_->Restore(start.optimizer));
    REGROUP_RETURN_IF_ERROR(stream_->Seek(start.data_position, start.data_hint));
    saved_hint_ = std::move(start.data_hint);
  }
  // Of a plain step alone it is known how many operations it takes.
  if (start.trained.empty() && distiller_ == nullptr)
    peak_flops_ = MeasuredGemmFlops(ComputeType(config_.precision));
  REGROUP_ASSIGN_OR_RETURN(metrics_, MetricsLog::Open(run_folder_, config_.stage, saved_step_));
  return absl::OkStatus();
}

absl::Status TrainerImpl::Restore(const RunCheckpoint& checkpoint) {
  REGROUP_RETURN_IF_ERROR(optimizer_->Restore(checkpoint.optimizer));
  REGROUP_ASSIGN_OR_RETURN(
      TrainProgress progress,
      ProgressFromJson(checkpoint.progress,
                       JoinPath(run_folder_, CheckpointName(checkpoint.step))));
  step_ = saved_step_ = checkpoint.step;
  source_tokens_ = progress.source_tokens;
  target_tokens_ = progress.target_tokens;
  validations_ = std::move(progress.validations);
  window_ = progress.window;
  guard_.FromJson(progress.guard);
  saved_hint_ = std::move(progress.data_hint);
  REGROUP_RETURN_IF_ERROR(Retain());
  LogInfo(absl::StrCat(config_.stage, ": goes on from ", CheckpointName(step_), " of ",
                       config_.steps, " steps"));
  return stream_->Seek(progress.data_position, saved_hint_);
}

TrainProgress TrainerImpl::Progress(uint64_t data_position, Json data_hint) const {
  TrainProgress progress;
  progress.source_tokens = source_tokens_;
  progress.target_tokens = target_tokens_;
  progress.data_position = data_position;
  progress.data_hint = std::move(data_hint);
  progress.validations = validations_;
  progress.window = window_;
  progress.guard = guard_.ToJson();
  return progress;
}

// What a run skipped before stays skipped, whether or not it would be refused again.
absl::Status TrainerImpl::PassOverSkipped() {
  const auto is_here = [&](const LedgerEntry& entry) {
    return entry.action == "skipped" && entry.position == stream_->position();
  };
  while (true) {
    const auto entry = std::ranges::find_if(ledger_, is_here);
    if (entry == ledger_.end()) return absl::OkStatus();
    for (int64_t i = 0; i < entry->examples; ++i) REGROUP_RETURN_IF_ERROR(stream_->Next().status());
  }
}

absl::StatusOr<std::vector<Example>> TrainerImpl::ReadWindow() {
  std::vector<Example> window;
  window.reserve(static_cast<size_t>(config_.batch.examples));
  for (int64_t i = 0; i < config_.batch.examples; ++i) {
    REGROUP_ASSIGN_OR_RETURN(Example example, stream_->Next());
    window.push_back(std::move(example));
  }
  return window;
}

LossOutput TrainerImpl::Loss(const Batch& batch) const {
  const DropoutOptions dropout{config_.dropout_rate, config_.seed, static_cast<uint64_t>(step_)};
  const BatchTensors tensors = ToTensors(batch, model_->config(), device_);
  return distiller_ != nullptr ? distiller_->Loss(tensors, config_.z_loss, dropout)
                               : model_->Loss(tensors, config_.z_loss, dropout);
}

// Forward and backward over the micro-batches; returns the summed loss, fills the summed gradients
// of what is minimized per target token, the report's losses against a teacher, and, if asked for,
// each example's loss per target token.
double TrainerImpl::ForwardBackward(const std::vector<Example>& window, StepReport& report,
                                    StateDict& gradients, std::vector<double>* example_losses) {
  const size_t part = static_cast<size_t>(config_.batch.micro_batch > 0 ? config_.batch.micro_batch
                                                                        : config_.batch.examples);
  const auto target_tokens = static_cast<double>(report.target_tokens);
  GradientTree tree;
  double loss_sum = 0;
  step_flops_ = 0;
  report.teacher_losses.clear();
  for (size_t begin = 0; begin < window.size(); begin += part) {
    const Batch batch =
        Collate(std::span(window).subspan(begin, std::min(part, window.size() - begin)));
    const LossOutput out = Loss(batch);
    (out.loss_sum / target_tokens).backward();
    loss_sum += out.plain_sum.item<double>();
    for (const auto& [name, sum] : out.teacher_sums)
      report.teacher_losses[name] += sum.item<double>() / target_tokens;
    if (example_losses != nullptr) AppendRowLosses(out, batch, *example_losses);
    step_flops_ +=
        TrainStepFlops(model_->config(), batch.rows, batch.source_length, batch.target_length);
    tree.Add(TakeGradients(model_->weights()));
  }
  gradients = tree.Finish();
  return loss_sum;
}

absl::StatusOr<StepReport> TrainerImpl::Step() {
  StepReport report;
  StateDict gradients;
  const auto start = Clock::now();
  report.learning_rate = LearningRate(config_.optimizer.learning_rate, step_, config_.steps);
  while (true) {
    // 1. Fetch the accumulation window and count its tokens.
    const auto fetch_start = Clock::now();
    REGROUP_RETURN_IF_ERROR(PassOverSkipped());
    REGROUP_ASSIGN_OR_RETURN(const std::vector<Example> window, ReadWindow());
    report.data_wait_seconds += SecondsSince(fetch_start);
    CountTokens(window, report);
    // 2. Forward, loss, backward for each part.
    report.loss =
        ForwardBackward(window, report, gradients) / static_cast<double>(report.target_tokens);
    // 3. Norm, and the guard's verdict before a weight is touched; clip.
    report.gradient_norm = GlobalNorm(gradients);
    const std::string fault = guard_.Judge(report.loss, report.gradient_norm);
    if (fault.empty()) break;
    REGROUP_RETURN_IF_ERROR(Refuse(window, report, fault));
  }
  ClipByNorm(gradients, report.gradient_norm, config_.optimizer.gradient_clip);
  // 4. Optimizer step at the schedule's rate.
  optimizer_->Step(model_->weights(), gradients, report.learning_rate);
  // 5. Report.
  ++step_;
  guard_.Count(report.loss);
  source_tokens_ += report.source_tokens;
  target_tokens_ += report.target_tokens;
  report.seconds = SecondsSince(start);
  return report;
}

// A window that the guard refused: skipped and recorded, or the end of this run.
absl::Status TrainerImpl::Refuse(const std::vector<Example>& window, const StepReport& report,
                                 const std::string& fault) {
  LedgerEntry entry = EntryOf(window, report, fault);
  entry.step = step_ + 1;
  const auto skipped = std::ranges::count(ledger_, "skipped", &LedgerEntry::action);
  if (config_.guard.bad_steps != "skip") return StopAt(std::move(entry));
  if (skipped >= config_.guard.most_skips) {
    absl::StrAppend(&entry.reason, "; guard.most_skips (", config_.guard.most_skips,
                    ") windows were skipped before");
    return StopAt(std::move(entry));
  }
  entry.action = "skipped";
  REGROUP_RETURN_IF_ERROR(AppendToLedger(run_folder_, entry));
  LogWarning(absl::StrCat(config_.stage, ", step ", entry.step, ": ", entry.reason, " at ",
                          WhichExamples(entry), "; they are skipped and recorded in ",
                          kLedgerName));
  ledger_.push_back(std::move(entry));
  return absl::OkStatus();
}

// Saves the state before the refused window, so that the same command, and replay, are there at
// once.
absl::Status TrainerImpl::StopAt(LedgerEntry entry) {
  entry.action = "stopped";
  const auto same = [&](const LedgerEntry& other) {
    return other.action == entry.action && other.position == entry.position;
  };
  if (std::ranges::none_of(ledger_, same))
    REGROUP_RETURN_IF_ERROR(AppendToLedger(run_folder_, entry));
  if (saved_step_ != step_) REGROUP_RETURN_IF_ERROR(Save(entry.position, saved_hint_));
  return RunError(
      absl::StrCat(config_.stage, ", step ", entry.step),
      absl::StrCat(entry.reason, " at ", WhichExamples(entry), ". No weight was changed; ",
                   CheckpointName(step_), " holds the state before this step. Look at it with ",
                   "regroup replay ", ParentFolder(run_folder_), " --stage ", config_.stage,
                   "; go on without these examples by guard: {bad_steps: skip} in this stage; or "
                   "begin the stage anew (--redo ",
                   config_.stage, ") with a lower learning rate, optimizer.gradient_clip or ",
                   "precision fp32"));
}

absl::StatusOr<WindowExam> TrainerImpl::Examine(uint64_t position) {
  REGROUP_RETURN_IF_ERROR(stream_->Seek(position, saved_hint_));
  WindowExam exam;
  REGROUP_ASSIGN_OR_RETURN(exam.examples, ReadWindow());
  StepReport report;
  CountTokens(exam.examples, report);
  StateDict gradients;
  exam.loss = ForwardBackward(exam.examples, report, gradients, &exam.example_losses) /
              static_cast<double>(report.target_tokens);
  exam.gradient_norm = GlobalNorm(gradients);
  for (const auto& [name, gradient] : gradients)
    exam.gradient_norms[name] = GlobalNorm({{name, gradient}});
  return exam;
}

bool TrainerImpl::ValidationDue() const {
  if (validator_ == nullptr || validations_.contains(step_)) return false;
  const bool listed = std::ranges::find(config_.validate_at, step_) != config_.validate_at.end();
  const bool periodic =
      step_ > 0 && config_.validate_every > 0 && step_ % config_.validate_every == 0;
  return listed || periodic || step_ == config_.steps;
}

bool TrainerImpl::IsBest() const {
  const std::vector<int64_t> best = BestSteps(validations_, config_.keep_best);
  return std::ranges::find(best, step_) != best.end();
}

bool TrainerImpl::StopsEarly() const {
  return !config_.keep_best.empty() &&
         PatienceEnded(validations_, config_.keep_best.front(), config_.early_stopping);
}

bool TrainerImpl::SaveDue() const {
  if (saved_step_ == step_) return false;
  const bool by_steps = step_ > 0 && config_.save.every > 0 && step_ % config_.save.every == 0;
  const bool by_time =
      config_.save.minutes > 0 && SecondsSince(last_save_) >= 60 * config_.save.minutes;
  return AtEnd() || IsBest() || by_steps || by_time;
}

absl::Status TrainerImpl::Validate() {
  const auto start = Clock::now();
  REGROUP_ASSIGN_OR_RETURN(const auto values,
                           validator_->Validate(model_->config(), model_->weights(), step_));
  validations_[step_] = values;
  std::string line =
      absl::StrFormat("%s  step %d/%d  validation", config_.stage, step_, config_.steps);
  for (const auto& [name, value] : values) absl::StrAppendFormat(&line, "  %s %.4f", name, value);
  LogInfo(absl::StrCat(line, "  (", FormatDuration(SecondsSince(start)), ")"));
  if (StopsEarly() && step_ < config_.steps) {
    LogInfo(absl::StrCat(config_.stage, ": ", config_.keep_best.front(), " did not improve in ",
                         config_.early_stopping.patience, " validations; stops early"));
  }
  return metrics_->LogValidation(step_, values);
}

absl::Status TrainerImpl::Save(uint64_t data_position, Json data_hint) {
  const auto start = Clock::now();
  RunCheckpoint checkpoint;
  checkpoint.step = step_;
  checkpoint.config = model_->config();
  for (const auto& [name, tensor] : model_->weights()) checkpoint.weights[name] = tensor.detach();
  checkpoint.optimizer = optimizer_->State();
  checkpoint.progress = ProgressToJson(Progress(data_position, data_hint));
  checkpoint.generation_config = generation_config_;
  checkpoint.provenance = provenance_;
  checkpoint.provenance["training"] =
      Json{{"stage", config_.stage},          {"step", step_},
           {"source_tokens", source_tokens_}, {"target_tokens", target_tokens_},
           {"data_position", data_position},  {"data_hint", data_hint},
           {"data", stream_->Fingerprint()}};
  const absl::Status saved = SaveRunCheckpoint(run_folder_, checkpoint, tokenizer_.get());
  if (!saved.ok()) return CouldNotSave(saved);
  saved_step_ = step_;
  saved_hint_ = std::move(data_hint);
  last_save_ = Clock::now();
  LogToFile(absl::StrCat(config_.stage, ": saved ", CheckpointName(step_), " (",
                         FormatDuration(SecondsSince(start)), ")"));
  return Retain();
}

absl::Status TrainerImpl::CouldNotSave(const absl::Status& why) const {
  return RunError(
      absl::StrCat(config_.stage, ", step ", step_),
      absl::StrCat("the checkpoint could not be saved (", std::string(why.message()), "); ",
                   saved_step_ < 0 ? std::string("there is none before it")
                                   : absl::StrCat(CheckpointName(saved_step_), " is good"),
                   ". Mend the cause and give the same command again"));
}

absl::Status TrainerImpl::Retain() const {
  const std::vector<int64_t> best = BestSteps(validations_, config_.keep_best);
  return ApplyRetention(
      run_folder_,
      Retention{config_.save.keep_last, config_.save.keep_every, {best.begin(), best.end()}});
}

StepView TrainerImpl::View() const {
  StepView view;
  view.stage = config_.stage;
  view.step = step_;
  view.steps = config_.steps;
  view.report = window_.Mean();
  if (peak_flops_ > 0) view.mfu = window_.flops / view.report.seconds / peak_flops_;
  view.memory_bytes = ResidentBytes();
  if (step_ > first_step_) {
    view.eta_seconds = SecondsSince(run_start_) / static_cast<double>(step_ - first_step_) *
                       static_cast<double>(config_.steps - step_);
  }
  return view;
}

absl::Status TrainerImpl::LogWindow() {
  const StepView view = View();
  ProgressIsShown() ? LogToFile(LogLine(view)) : LogInfo(LogLine(view));
  REGROUP_RETURN_IF_ERROR(metrics_->LogStep(view));
  window_ = Window{};
  return absl::OkStatus();
}

absl::StatusOr<TrainResult> TrainerImpl::Run() {
  const ProgressScope progress;
  run_start_ = Clock::now();
  first_step_ = step_;
  while (true) {
    absl::Status validated = ValidationDue() ? Validate() : absl::OkStatus();
    if (!validated.ok() && !IsStopped(validated)) return validated;
    if (SaveDue() || (StopRequested() && saved_step_ != step_)) REGROUP_RETURN_IF_ERROR(SaveHere());
    if (IsStopped(validated)) return validated;
    if (AtEnd()) return Result();
    if (StopRequested()) return StoppedStatus();
    REGROUP_ASSIGN_OR_RETURN(const StepReport report, Step());
    window_.Add(report, step_flops_);
    if (ProgressIsShown() && draw_clock_.Due()) ShowProgress(ProgressLine(View()));
    if (step_ % config_.log_every == 0 || step_ == config_.steps)
      REGROUP_RETURN_IF_ERROR(LogWindow());
  }
}

TrainResult TrainerImpl::Result() const {
  TrainResult result;
  result.steps = step_;
  for (const std::string& name : config_.keep_best) {
    const std::optional<int64_t> best = BestStep(validations_, name);
    if (best.has_value()) result.best[name] = *best;
  }
  result.validations = validations_;
  result.stopped_early = step_ < config_.steps;
  result.skipped = std::ranges::count(ledger_, "skipped", &LedgerEntry::action);
  result.data_position = stream_->position();
  const bool chosen = !config_.keep_best.empty() && result.best.contains(config_.keep_best.front());
  result.folder = JoinPath(
      run_folder_, CheckpointName(chosen ? result.best.at(config_.keep_best.front()) : step_));
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(TrainConfig config, TrainStart start,
                                                         ExampleStream* stream,
                                                         Validator* validator,
                                                         std::shared_ptr<const Tokenizer> tokenizer,
                                                         std::string run_folder) {
  REGROUP_CHECK(config.steps >= 0 && config.log_every >= 1 && config.batch.examples >= 1);
  auto trainer = std::make_unique<TrainerImpl>(std::move(config), stream, validator,
                                               std::move(tokenizer), std::move(run_folder));
  REGROUP_RETURN_IF_ERROR(trainer->Prepare(std::move(start)));
  return trainer;
}

}  // namespace regroup
