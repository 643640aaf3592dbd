// The trainer: accumulation, resuming (twice), stopping, keep-best, refusal of non-finite losses.
#include "train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "checkpoint/hf_folder.h"
#include "core/files.h"
#include "core/random.h"
#include "core/stop.h"

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
  config.keep_best = "score";
  config.save.every = 1;
  config.save.keep_last = 1;
  const std::string folder = TestFolder("best");
  const auto result = RunTrainer(config, folder, &validator);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->best_step, 4);
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

}  // namespace
}  // namespace regroup
