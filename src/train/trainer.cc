// The training loop. Step() is one optimizer step in numbered phases, Run() the life of a stage.
#include "train/trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/manifest.h"
#include "core/files.h"
#include "core/log.h"
#include "core/stop.h"
#include "ops/machine.h"
#include "parallel/gradient_tree.h"
#include "train/metrics_log.h"
#include "train/window.h"

namespace regroup {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

// Takes the gradients out of `weights` (zeros where backward reached nothing).
StateDict TakeGradients(StateDict& weights) {
  StateDict gradients;
  for (auto& [name, tensor] : weights) {
    gradients[name] = tensor.grad().defined() ? tensor.grad() : at::zeros_like(tensor.detach());
    tensor.mutable_grad().reset();
  }
  return gradients;
}

// The newest good checkpoint whose best checkpoint is good as well: without that one the stage
// could not end with what it would have ended with.
absl::StatusOr<std::optional<RunCheckpoint>> LoadUsable(const std::string& run_folder) {
  while (true) {
    REGROUP_ASSIGN_OR_RETURN(std::optional<RunCheckpoint> checkpoint, LoadNewestGood(run_folder));
    if (!checkpoint || checkpoint->progress.at("best_step").is_null()) return checkpoint;
    const auto best = checkpoint->progress.at("best_step").get<int64_t>();
    if (best == checkpoint->step) return checkpoint;
    const absl::Status good = VerifyManifest(JoinPath(run_folder, CheckpointName(best)));
    if (good.ok()) return checkpoint;
    LogWarning(
        absl::StrCat("the best checkpoint so far cannot be used (", std::string(good.message()),
                     "); ", CheckpointName(checkpoint->step), " is set aside with it as ",
                     SetAsideCheckpoint(JoinPath(run_folder, CheckpointName(checkpoint->step)))));
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
        device_(config_.device) {}

  absl::Status Prepare(TrainStart start);
  absl::StatusOr<StepReport> Step() override;
  absl::StatusOr<TrainResult> Run() override;

 private:
  absl::Status Restore(const RunCheckpoint& checkpoint);
  absl::StatusOr<std::vector<Example>> FetchWindow();
  double ForwardBackward(const std::vector<Example>& window, int64_t target_tokens,
                         StateDict& gradients);
  bool ValidationDue() const;
  bool SaveDue() const;
  absl::Status Validate();
  void KeepIfBest(const std::map<std::string, double>& values);
  absl::Status Save();
  absl::Status Retain() const;
  absl::Status LogWindow();
  Json Progress() const;
  TrainResult Result() const;

  TrainConfig config_;
  ExampleStream* stream_;
  Validator* validator_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string run_folder_;
  at::Device device_;
  std::unique_ptr<T5Model> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::optional<MetricsLog> metrics_;
  Json provenance_;
  Json generation_config_;
  int64_t step_ = 0;
  int64_t first_step_ = 0;
  int64_t saved_step_ = -1;
  int64_t source_tokens_ = 0;
  int64_t target_tokens_ = 0;
  double step_flops_ = 0;
  double peak_flops_ = 0;
  std::optional<int64_t> best_step_;
  std::map<int64_t, std::map<std::string, double>> validations_;
  Window window_;
  double train_seconds_ = 0;
};

absl::Status TrainerImpl::Prepare(TrainStart start) {
  REGROUP_RETURN_IF_ERROR(MakeFolders(run_folder_));
  REGROUP_ASSIGN_OR_RETURN(std::optional<RunCheckpoint> checkpoint, LoadUsable(run_folder_));
  provenance_ = std::move(start.provenance);
  generation_config_ = std::move(start.generation_config);
  const StateDict& source = checkpoint ? checkpoint->weights : start.weights;
  model_ = std::make_unique<T5Model>(start.config, MasterWeights(source, device_),
                                     ComputeType(config_.precision));
  model_->RequireGrad(true);
  optimizer_ = MakeOptimizer(config_.optimizer);
  if (checkpoint) {
    REGROUP_RETURN_IF_ERROR(Restore(*checkpoint));
  } else {
    REGROUP_RETURN_IF_ERROR(optimizer_->Restore(start.optimizer));
    REGROUP_RETURN_IF_ERROR(stream_->Seek(start.data_position, start.data_hint));
  }
  first_step_ = step_;
  peak_flops_ = MeasuredGemmFlops(ComputeType(config_.precision));
  REGROUP_ASSIGN_OR_RETURN(metrics_, MetricsLog::Open(run_folder_, config_.stage, saved_step_));
  return absl::OkStatus();
}

absl::Status TrainerImpl::Restore(const RunCheckpoint& checkpoint) {
  REGROUP_RETURN_IF_ERROR(optimizer_->Restore(checkpoint.optimizer));
  const Json& progress = checkpoint.progress;
  step_ = saved_step_ = checkpoint.step;
  source_tokens_ = progress.at("source_tokens");
  target_tokens_ = progress.at("target_tokens");
  if (!progress.at("best_step").is_null()) best_step_ = progress.at("best_step").get<int64_t>();
  for (const auto& [step, values] : progress.at("validations").items()) {
    validations_[std::stoll(step)] = values.get<std::map<std::string, double>>();
  }
  window_ = Window::FromJson(progress.at("window"));
  REGROUP_RETURN_IF_ERROR(Retain());
  LogInfo(absl::StrCat(config_.stage, ": goes on from ", CheckpointName(step_), " of ",
                       config_.steps, " steps"));
  return stream_->Seek(progress.at("data_position").get<uint64_t>(), progress.at("data_hint"));
}

Json TrainerImpl::Progress() const {
  Json validations = Json::object();
  for (const auto& [step, values] : validations_) validations[absl::StrCat(step)] = values;
  return Json{{"step", step_},
              {"seed", config_.seed},
              {"source_tokens", source_tokens_},
              {"target_tokens", target_tokens_},
              {"data_position", stream_->position()},
              {"data_hint", stream_->Hint()},
              {"best_step", best_step_ ? Json(*best_step_) : Json(nullptr)},
              {"validations", validations},
              {"window", window_.ToJson()}};
}

absl::StatusOr<std::vector<Example>> TrainerImpl::FetchWindow() {
  std::vector<Example> window;
  window.reserve(static_cast<size_t>(config_.batch.examples));
  for (int64_t i = 0; i < config_.batch.examples; ++i) {
    REGROUP_ASSIGN_OR_RETURN(Example example, stream_->Next());
    window.push_back(std::move(example));
  }
  return window;
}

// Forward and backward over the micro-batches; returns the summed loss, fills the summed gradients
// of the mean loss.
double TrainerImpl::ForwardBackward(const std::vector<Example>& window, int64_t target_tokens,
                                    StateDict& gradients) {
  const size_t part = static_cast<size_t>(config_.batch.micro_batch > 0 ? config_.batch.micro_batch
                                                                        : config_.batch.examples);
  const DropoutOptions dropout{config_.dropout_rate, config_.seed, static_cast<uint64_t>(step_)};
  GradientTree tree;
  double loss_sum = 0;
  step_flops_ = 0;
  for (size_t begin = 0; begin < window.size(); begin += part) {
    const Batch batch =
        Collate(std::span(window).subspan(begin, std::min(part, window.size() - begin)));
    const LossOutput out =
        model_->Loss(ToTensors(batch, model_->config(), device_), config_.z_loss, dropout);
    (out.loss_sum / static_cast<double>(target_tokens)).backward();
    loss_sum += out.loss_sum.item<double>();
    step_flops_ +=
        TrainStepFlops(model_->config(), batch.rows, batch.source_length, batch.target_length);
    tree.Add(TakeGradients(model_->weights()));
  }
  gradients = tree.Finish();
  return loss_sum;
}

absl::StatusOr<StepReport> TrainerImpl::Step() {
  StepReport report;
  const auto start = Clock::now();
  // 1. Fetch the accumulation window and count its tokens.
  const uint64_t position = stream_->position();
  REGROUP_ASSIGN_OR_RETURN(const std::vector<Example> window, FetchWindow());
  report.data_wait_seconds = SecondsSince(start);
  for (const Example& example : window) {
    report.source_tokens += static_cast<int64_t>(example.input_ids.size());
    report.target_tokens += static_cast<int64_t>(example.target_ids.size());
  }
  // 2. Forward, loss, backward for each part.
  StateDict gradients;
  report.loss = ForwardBackward(window, report.target_tokens, gradients) /
                static_cast<double>(report.target_tokens);
  // 3. Norm, finite check before a weight is touched, clip.
  report.gradient_norm = GlobalNorm(gradients);
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
    return RunError(
        absl::StrCat(config_.stage, ", step ", step_ + 1),
        absl::StrFormat(
            "loss %g, gradient norm %g at data positions %d to %d: not finite. No weight was "
            "changed%s. Lower the learning rate, set "
            "optimizer.gradient_clip, or use precision fp32.",
            report.loss, report.gradient_norm, position, stream_->position() - 1,
            saved_step_ < 0 ? "; no checkpoint was saved yet (save.every)"
                            : absl::StrCat("; ", CheckpointName(saved_step_), " is good")));
  }
  ClipByNorm(gradients, report.gradient_norm, config_.optimizer.gradient_clip);
  // 4. Optimizer step at the schedule's rate.
  report.learning_rate = LearningRate(config_.optimizer.learning_rate, step_, config_.steps);
  optimizer_->Step(model_->weights(), gradients, report.learning_rate);
  // 5. Report.
  ++step_;
  source_tokens_ += report.source_tokens;
  target_tokens_ += report.target_tokens;
  report.seconds = SecondsSince(start);
  return report;
}

bool TrainerImpl::ValidationDue() const {
  if (validator_ == nullptr || validations_.contains(step_)) return false;
  const bool listed = std::ranges::find(config_.validate_at, step_) != config_.validate_at.end();
  const bool periodic =
      step_ > 0 && config_.validate_every > 0 && step_ % config_.validate_every == 0;
  return listed || periodic || step_ == config_.steps;
}

bool TrainerImpl::SaveDue() const {
  if (saved_step_ == step_) return false;
  return step_ == config_.steps || best_step_ == step_ ||
         (step_ > 0 && config_.save.every > 0 && step_ % config_.save.every == 0);
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
  KeepIfBest(values);
  return metrics_->LogValidation(step_, values);
}

void TrainerImpl::KeepIfBest(const std::map<std::string, double>& values) {
  if (config_.keep_best.empty() || step_ == 0) return;
  const double value = values.at(config_.keep_best);
  const double sign = config_.keep_best_lower ? -1 : 1;
  if (!best_step_ || sign * value > sign * validations_.at(*best_step_).at(config_.keep_best))
    best_step_ = step_;
}

absl::Status TrainerImpl::Save() {
  RunCheckpoint checkpoint{step_,       model_->config(),  {}, optimizer_->State(), Progress(),
                           provenance_, generation_config_};
  for (const auto& [name, tensor] : model_->weights()) checkpoint.weights[name] = tensor.detach();
  checkpoint.provenance["training"] = Json{{"stage", config_.stage},
                                           {"step", step_},
                                           {"source_tokens", source_tokens_},
                                           {"target_tokens", target_tokens_},
                                           {"data_position", stream_->position()},
                                           {"data_hint", stream_->Hint()},
                                           {"data", stream_->Fingerprint()}};
  REGROUP_RETURN_IF_ERROR(SaveRunCheckpoint(run_folder_, checkpoint, tokenizer_.get()));
  saved_step_ = step_;
  return Retain();
}

absl::Status TrainerImpl::Retain() const {
  return ApplyRetention(run_folder_,
                        Retention{config_.save.keep_last, config_.save.keep_every, best_step_});
}

absl::Status TrainerImpl::LogWindow() {
  const StepReport mean = window_.Mean();
  train_seconds_ += mean.seconds;
  const double mfu = peak_flops_ > 0 ? window_.flops / mean.seconds / peak_flops_ : 0;
  const double per_step = train_seconds_ / static_cast<double>(step_ - first_step_);
  const auto rate = static_cast<long long>(
      static_cast<double>(mean.source_tokens + mean.target_tokens) / mean.seconds);
  LogInfo(absl::StrFormat("%s  step %d/%d  loss %.4f  %s tokens/s  MFU %.0f %%  lr %.3g  ETA %s",
                          config_.stage, step_, config_.steps, mean.loss, FormatCount(rate),
                          100 * mfu, mean.learning_rate,
                          FormatDuration(per_step * static_cast<double>(config_.steps - step_))));
  REGROUP_RETURN_IF_ERROR(metrics_->LogStep(step_, mean, mfu));
  window_ = Window{};
  return absl::OkStatus();
}

absl::StatusOr<TrainResult> TrainerImpl::Run() {
  while (true) {
    absl::Status validated = ValidationDue() ? Validate() : absl::OkStatus();
    if (!validated.ok() && !IsStopped(validated)) return validated;
    if (SaveDue() || (StopRequested() && saved_step_ != step_)) REGROUP_RETURN_IF_ERROR(Save());
    if (IsStopped(validated)) return validated;
    if (step_ >= config_.steps) return Result();
    if (StopRequested()) return StoppedStatus();
    REGROUP_ASSIGN_OR_RETURN(const StepReport report, Step());
    window_.Add(report, step_flops_);
    if (step_ % config_.log_every == 0 || step_ == config_.steps)
      REGROUP_RETURN_IF_ERROR(LogWindow());
  }
}

TrainResult TrainerImpl::Result() const {
  TrainResult result;
  result.steps = step_;
  result.best_step = best_step_;
  result.validations = validations_;
  result.data_position = stream_->position();
  result.folder = JoinPath(run_folder_, CheckpointName(best_step_.value_or(step_)));
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
