// The trainer: accumulation, resuming (twice), stopping, keep-best, refusal of non-finite losses.
#include "train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "core/random.h"
#include "core/stop.h"
#include "train/guard.h"
#include "train/ledger.h"
#include "train/progress_line.h"
#include "train/train_progress.h"

namespace regroup {
namespace {

std::string TestFolder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/regroup_train_" + name;
  std::filesystem::remove_all(folder);
  return folder;
}

// Rows of drawn ids; a pure function of position.
class DrawnStream final : public ExampleStream {
 public:
  absl::StatusOr<Example> Next() override {
    CounterRng rng(5, RandomPurpose::kTest, position_);
    Example example;
    example.position = position_++;
    for (uint64_t n = 3 + rng.Below(9); n > 0; --n)
      example.input_ids.push_back(static_cast<int32_t>(2 + rng.Below(60)));
    example.target_ids.assign(example.input_ids.begin(), example.input_ids.begin() + 2);
    example.target_ids.push_back(1);
    return example;
  }
  uint64_t position() const override { return position_; }
  absl::Status Seek(uint64_t position, const Json&) override {
    position_ = position;
    return absl::OkStatus();
  }
  Json Hint() const override { return nullptr; }
  Json Fingerprint() const override { return "drawn"; }

 private:
  uint64_t position_ = 0;
};

// Rows with one target, which is learned at once. Eight rows from `bad` on have another target,
// which makes their loss jump; or they are left out, or good.
class GuardedStream final : public ExampleStream {
 public:
  enum class Rows { kWithBad, kWithoutBad, kAllGood };
  GuardedStream(uint64_t bad, Rows kind) : bad_(bad), kind_(kind) {}
  absl::StatusOr<Example> Next() override {
    if (kind_ == Rows::kWithoutBad && rows_.position() == bad_)
      REGROUP_RETURN_IF_ERROR(rows_.Seek(bad_ + 8, nullptr));
    const uint64_t position = rows_.position();
    REGROUP_ASSIGN_OR_RETURN(Example example, rows_.Next());
    example.id = "row " + std::to_string(position);
    const bool is_bad = kind_ == Rows::kWithBad && position >= bad_ && position < bad_ + 8;
    example.target_ids = is_bad ? std::vector<int32_t>{63, 62, 61} : std::vector<int32_t>{2, 3, 1};
    return example;
  }
  uint64_t position() const override { return rows_.position(); }
  absl::Status Seek(uint64_t position, const Json& hint) override {
    return rows_.Seek(position, hint);
  }
  Json Hint() const override { return nullptr; }
  Json Fingerprint() const override { return "guarded"; }

 private:
  DrawnStream rows_;
  uint64_t bad_;
  Rows kind_;
};

// Gives the numbers of a list in turn.
class ListedValidator final : public Validator {
 public:
  explicit ListedValidator(std::map<int64_t, double> values) : values_(std::move(values)) {}
  absl::StatusOr<std::map<std::string, double>> Validate(const T5Config&, const StateDict&,
                                                         int64_t step) override {
    return std::map<std::string, double>{{"score", values_.at(step)}};
  }

 private:
  std::map<int64_t, double> values_;
};

TrainStart SmallStart() {
  ModelConfig model;
  model.d_model = 16;
  model.d_kv = 4;
  model.d_ff = 32;
  model.num_layers = model.num_decoder_layers = 2;
  model.num_heads = 4;
  TrainStart start;
  start.config = MakeT5Config(model, 64);
  start.weights = InitializeWeights(start.config, 3);
  start.provenance = Json::object();
  return start;
}

TrainConfig SmallConfig(int64_t steps) {
  TrainConfig config;
  config.stage = "test";
  config.steps = steps;
  config.batch.examples = 8;
  config.optimizer.learning_rate.rate = 0.02;
  config.dropout_rate = 0.1;
  config.save.every = 3;
  return config;
}

absl::StatusOr<TrainResult> RunTrainer(const TrainConfig& config, const std::string& folder,
                                       Validator* validator = nullptr,
                                       TrainStart start = SmallStart()) {
  DrawnStream stream;
  auto trainer = Trainer::Create(config, std::move(start), &stream, validator, nullptr, folder);
  if (!trainer.ok()) return trainer.status();
  return (*trainer)->Run();
}

std::string HashOf(const TrainResult& result) {
  return HashWeights(LoadRunCheckpoint(result.folder).value().weights);
}

TEST(Trainer, AStoppedAndResumedRunEndsWithTheSameBitsAsOneThatNeverStoppedAlsoTwice) {
  const auto straight = RunTrainer(SmallConfig(10), TestFolder("straight"));
  ASSERT_TRUE(straight.ok()) << straight.status();
  const std::string folder = TestFolder("resumed");
  ASSERT_TRUE(RunTrainer(SmallConfig(4), folder).ok());    // "killed" after step 4
  std::filesystem::remove_all(folder + "/step-00000004");  // as if only step 3 had been saved
  ASSERT_TRUE(RunTrainer(SmallConfig(7), folder).ok());
  const auto resumed = RunTrainer(SmallConfig(10), folder);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(HashOf(*straight), HashOf(*resumed));
  TrainConfig other_seed = SmallConfig(10);
  other_seed.seed = 2;  // control: another dropout seed must end elsewhere
  EXPECT_NE(HashOf(*straight), HashOf(*RunTrainer(other_seed, TestFolder("control"))));
}

TEST(Trainer, ASignalSavesWithinAStepAndTheSameCallGoesOn) {
  const std::string folder = TestFolder("signal");
  RequestStop(SIGTERM);
  const auto stopped = RunTrainer(SmallConfig(5), folder);
  RequestStop(0);
  ASSERT_FALSE(stopped.ok());
  EXPECT_TRUE(IsStopped(stopped.status()));
  const auto finished = RunTrainer(SmallConfig(5), folder);
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_EQ(HashOf(*finished), HashOf(*RunTrainer(SmallConfig(5), TestFolder("unsignalled"))));
}

TEST(Trainer, AccumulationGivesTheLossOfTheWholeBatch) {
  std::vector<double> losses;
  for (const int64_t micro_batch : {0, 2, 4}) {
    TrainConfig config = SmallConfig(3);
    config.batch.micro_batch = micro_batch;
    DrawnStream stream;
    auto trainer = Trainer::Create(config, SmallStart(), &stream, nullptr, nullptr,
                                   TestFolder("accumulate" + std::to_string(micro_batch)));
    ASSERT_TRUE(trainer.ok());
    double loss = 0;
    for (int i = 0; i < 3; ++i) loss = (*trainer)->Step().value().loss;
    losses.push_back(loss);
  }
  EXPECT_NEAR(losses[1], losses[0], 1e-5 * losses[0]);
  EXPECT_NEAR(losses[2], losses[0], 1e-5 * losses[0]);
}

TEST(Trainer, TheBestCheckpointByValidationIsKeptAndReturned) {
  ListedValidator validator({{2, 0.1}, {4, 0.9}, {6, 0.3}, {8, 0.2}});
  TrainConfig config = SmallConfig(8);
  config.validate_every = 2;
  config.keep_best = {"score"};
  config.save.every = 1;
  config.save.keep_last = 1;
  const std::string folder = TestFolder("best");
  const auto result = RunTrainer(config, folder, &validator);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->best.at("score"), 4);
  EXPECT_EQ(ListCheckpoints(folder), (std::vector<int64_t>{4, 8}));
  EXPECT_EQ(result->folder, JoinPath(folder, "step-00000004"));
}

TEST(Trainer, LossFallsOnALearnableTask) {
  DrawnStream stream;
  TrainConfig config = SmallConfig(60);
  config.dropout_rate = 0;
  auto trainer =
      Trainer::Create(config, SmallStart(), &stream, nullptr, nullptr, TestFolder("falls"));
  ASSERT_TRUE(trainer.ok());
  const double first = (*trainer)->Step().value().loss;
  double last = 0;
  for (int i = 0; i < 59; ++i) last = (*trainer)->Step().value().loss;
  EXPECT_LT(last, 0.8 * first);
}

TEST(Trainer, ANonFiniteLossStopsBeforeAWeightChanges) {
  TrainStart start = SmallStart();
  start.weights["encoder.final_layer_norm.weight"].fill_(std::numeric_limits<float>::infinity());
  const auto result = RunTrainer(SmallConfig(2), TestFolder("nan"), nullptr, start);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ExitCode(result.status()), 1);
  EXPECT_NE(result.status().message().find("step 1"), absl::string_view::npos);
}

TEST(Trainer, MetricsLinesBeyondTheCheckpointAreDroppedOnResume) {
  const std::string folder = TestFolder("metrics");
  TrainConfig config = SmallConfig(4);
  config.log_every = 1;
  ASSERT_TRUE(RunTrainer(config, folder).ok());
  std::filesystem::remove_all(folder + "/step-00000004");
  config.steps = 6;
  ASSERT_TRUE(RunTrainer(config, folder).ok());
  std::ifstream lines(folder + "/metrics.jsonl");
  std::vector<int64_t> steps;
  for (std::string line; std::getline(lines, line);) steps.push_back(Json::parse(line).at("step"));
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
}

constexpr uint64_t kBad = 192;  // window of step 25

TrainConfig GuardedConfig(const std::string& bad_steps) {
  TrainConfig config = SmallConfig(28);
  config.guard.bad_steps = bad_steps;
  config.guard.explosion = 1;
  config.save.every = 10;
  config.save.keep_last = 5;
  return config;
}

absl::StatusOr<TrainResult> RunOn(ExampleStream& stream, const TrainConfig& config,
                                  const std::string& folder) {
  auto trainer = Trainer::Create(config, SmallStart(), &stream, nullptr, nullptr, folder);
  if (!trainer.ok()) return trainer.status();
  return (*trainer)->Run();
}

// The weights of a run that never saw the bad window.
std::string HashWithoutBadWindow() {
  GuardedStream shorter(kBad, GuardedStream::Rows::kWithoutBad);
  const auto never = RunOn(shorter, GuardedConfig("stop"), TestFolder("guard_never"));
  EXPECT_TRUE(never.ok()) << never.status();
  return HashOf(*never);
}

TEST(Guard, StopsAtABadWindowWithItsPlaceAndTheStateBeforeItSaved) {
  const std::string folder = TestFolder("guard_stop");
  GuardedStream stream(kBad, GuardedStream::Rows::kWithBad);
  const auto result = RunOn(stream, GuardedConfig("stop"), folder);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(ExitCode(result.status()), 1);
  for (const char* part : {"step 25", "explodes", "data positions 192 to 199", "row 195",
                           "step-00000024", "regroup replay", "bad_steps: skip"})
    EXPECT_NE(result.status().message().find(part), absl::string_view::npos) << part;
  EXPECT_EQ(ListCheckpoints(folder), (std::vector<int64_t>{10, 20, 24}));
  const auto ledger = ReadLedger(folder).value();
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(ledger[0].action, "stopped");
  EXPECT_EQ(ledger[0].step, 25);
  EXPECT_EQ(ledger[0].position, kBad);
  EXPECT_EQ(ledger[0].ids.size(), 8u);
}

TEST(Guard, SkippingEndsWithTheWeightsOfARunThatNeverSawTheWindow) {
  GuardedStream poisoned(kBad, GuardedStream::Rows::kWithBad);
  const auto skipped = RunOn(poisoned, GuardedConfig("skip"), TestFolder("guard_skip"));
  ASSERT_TRUE(skipped.ok()) << skipped.status();
  EXPECT_EQ(skipped->skipped, 1);
  EXPECT_EQ(HashOf(*skipped), HashWithoutBadWindow());
  TrainConfig off = GuardedConfig("stop");  // control: the window does change the weights
  off.guard.explosion = 0;
  GuardedStream again(kBad, GuardedStream::Rows::kWithBad);
  const auto trained = RunOn(again, off, TestFolder("guard_off"));
  ASSERT_TRUE(trained.ok()) << trained.status();
  EXPECT_NE(HashOf(*trained), HashOf(*skipped));
}

TEST(Guard, AStoppedRunGoesOnWithSkipAndAResumedOneHonorsTheLedger) {
  const std::string folder = TestFolder("guard_resume");
  GuardedStream stops(kBad, GuardedStream::Rows::kWithBad);
  ASSERT_FALSE(RunOn(stops, GuardedConfig("stop"), folder).ok());
  GuardedStream skips(kBad, GuardedStream::Rows::kWithBad);
  const auto went_on = RunOn(skips, GuardedConfig("skip"), folder);
  ASSERT_TRUE(went_on.ok()) << went_on.status();
  EXPECT_EQ(HashOf(*went_on), HashWithoutBadWindow());
  // Back to step 20, with rows that are good now: what the ledger names stays skipped.
  std::filesystem::remove_all(folder + "/step-00000024");
  std::filesystem::remove_all(folder + "/step-00000028");
  GuardedStream good(kBad, GuardedStream::Rows::kAllGood);
  const auto resumed = RunOn(good, GuardedConfig("stop"), folder);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(HashOf(*resumed), HashWithoutBadWindow());
}

TEST(Guard, SkipsNoMoreThanItMay) {
  TrainConfig config = GuardedConfig("skip");
  config.guard.most_skips = 0;
  GuardedStream stream(kBad, GuardedStream::Rows::kWithBad);
  const auto result = RunOn(stream, config, TestFolder("guard_cap"));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.status().message().find("most_skips"), absl::string_view::npos);
}

TEST(Guard, ALossExplodesOnlyBeyondTheRecentMean) {
  LossGuard guard(GuardConfig{});
  for (int i = 0; i < 19; ++i) guard.Count(2.0);
  EXPECT_EQ(guard.Judge(100, 1), "") << "too early to say";
  guard.Count(2.0);
  EXPECT_EQ(guard.Judge(7.0, 1), "");
  EXPECT_NE(guard.Judge(7.1, 1), "");
  EXPECT_NE(guard.Judge(2.0, std::numeric_limits<double>::infinity()), "");
  LossGuard restored(GuardConfig{});
  restored.FromJson(guard.ToJson());
  EXPECT_NE(restored.Judge(7.1, 1), "");
  LossGuard off(GuardConfig{.bad_steps = "stop", .explosion = 0});
  for (int i = 0; i < 40; ++i) off.Count(2.0);
  EXPECT_EQ(off.Judge(1e9, 1), "");
}

TEST(Trainer, ExamineGivesTheLossThatTheNextStepHas) {
  DrawnStream stream;
  auto trainer =
      Trainer::Create(SmallConfig(9), SmallStart(), &stream, nullptr, nullptr, TestFolder("exam"));
  ASSERT_TRUE(trainer.ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*trainer)->Step().ok());
  const auto exam = (*trainer)->Examine(24);
  ASSERT_TRUE(exam.ok());
  ASSERT_TRUE(stream.Seek(24, nullptr).ok());
  const auto step = (*trainer)->Step();
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(exam->loss, step->loss);
  EXPECT_EQ(exam->gradient_norm, step->gradient_norm);
  EXPECT_EQ(exam->example_losses.size(), 8u);
  double squares = 0;
  for (const auto& [name, norm] : exam->gradient_norms) squares += norm * norm;
  EXPECT_NEAR(std::sqrt(squares), exam->gradient_norm, 1e-6 * exam->gradient_norm);
}

TEST(Trainer, StopsEarlyWhenNothingImprovesAndASecondCallAgrees) {
  ListedValidator validator({{2, 0.1}, {4, 0.9}, {6, 0.3}, {8, 0.9}, {10, 1.0}});
  TrainConfig config = SmallConfig(10);
  config.validate_every = 2;
  config.keep_best = {"score"};
  config.early_stopping.patience = 2;
  const std::string folder = TestFolder("early");
  for (int call = 0; call < 2; ++call) {
    const auto result = RunTrainer(config, folder, &validator);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->stopped_early);
    EXPECT_EQ(result->steps, 8);
    EXPECT_EQ(result->folder, JoinPath(folder, "step-00000004"));
  }
}

TEST(Best, IsTheFirstOfEqualsAndNeverNotANumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Validations validations = {{0, {{"loss", 0.1}, {"f1", 99}}},
                                   {2, {{"loss", nan}, {"f1", 5}}},
                                   {4, {{"loss", 0.5}, {"f1", 7}}},
                                   {6, {{"loss", 0.5}, {"f1", 7}}}};
  EXPECT_EQ(BestStep(validations, "loss"), 4);
  EXPECT_EQ(BestStep(validations, "f1"), 4);
  EXPECT_EQ(BestStep(validations, "bleu"), std::nullopt);
  EXPECT_EQ(BestSteps(validations, {"loss", "f1"}), std::vector<int64_t>{4});
  EXPECT_TRUE(LessIsBetter("heldout_loss/news") && LessIsBetter("titles/loss"));
  EXPECT_FALSE(LessIsBetter("titles/rouge1"));
  EXPECT_FALSE(PatienceEnded(validations, "f1", EarlyStoppingConfig{}));
  EXPECT_TRUE(PatienceEnded(validations, "f1", EarlyStoppingConfig{.patience = 1}));
  EXPECT_FALSE(PatienceEnded(validations, "f1", EarlyStoppingConfig{.patience = 2}));
  EXPECT_TRUE(PatienceEnded(validations, "f1", EarlyStoppingConfig{.patience = 2, .min_delta = 3}));
}

TEST(Ledger, ATornLastLineIsDroppedAndAForeignOneIsNamed) {
  const std::string folder = TestFolder("ledger");
  ASSERT_TRUE(MakeFolders(folder).ok());
  LedgerEntry entry;
  entry.action = "skipped";
  entry.loss = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(AppendToLedger(folder, entry).ok());
  std::ofstream(folder + "/ledger.jsonl", std::ios::app) << "{\"action\": \"ski";
  ASSERT_EQ(ReadLedger(folder).value().size(), 1u);
  EXPECT_EQ(ReadLedger(folder).value()[0].loss, entry.loss);
  ASSERT_TRUE(AppendToLedger(folder, entry).ok());
  EXPECT_EQ(ReadLedger(folder).value().size(), 2u);
  std::ofstream(folder + "/ledger.jsonl", std::ios::app) << "nonsense\n";
  EXPECT_NE(ReadLedger(folder).status().message().find("ledger.jsonl:3"), absl::string_view::npos);
}

TEST(ProgressLine, SaysWhatAPersonWants) {
  StepView view;
  view.stage = "gqa_up";
  view.step = 20;
  view.steps = 40;
  view.report.loss = 4.5123;
  view.report.source_tokens = 20000;
  view.report.target_tokens = 3400;
  view.report.seconds = 1;
  view.report.data_wait_seconds = 0.02;
  view.eta_seconds = 30;
  view.memory_bytes = 1'200'000'000;
  EXPECT_EQ(ProgressLine(view),
            "gqa_up  [##########..........]  50 %  step 20/40  loss 4.5123  23,400 tokens/s  "
            "ETA 30.0 s  1.2 GB  data wait 2 %");
}

}  // namespace
}  // namespace regroup
