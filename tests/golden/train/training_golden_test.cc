// Ten steps of the trainer on recorded batches against a loop of transformers with T5X's Adafactor
// written out in Python: accumulation, loss per token, clipping, schedule and optimizer together.
// How training.json was made: tests/golden/README.md.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/run_checkpoint.h"
#include "core/json.h"
#include "golden/model/t5_cases.h"
#include "support/temp_folder.h"
#include "train/trainer.h"

namespace regroup {
namespace {

const Json& Golden() {
  static const auto* const golden =
      new Json(ReadJsonFile(std::string(REGROUP_GOLDEN_DIR) + "/training.json").value());
  return *golden;
}

golden::Case TrainingCase() {
  golden::Case c{"training", golden::TinyConfig("gated-gelu", 160, 1, 1), 0, {}, {}};
  c.config.vocab_size = 200;
  c.config.d_model = 128;
  c.config.d_kv = 32;
  c.config.relative_attention_num_buckets = 32;
  c.config.relative_attention_max_distance = 128;
  return c;
}

TrainConfig GoldenConfig() {
  TrainConfig config;
  config.stage = "golden";
  config.steps = static_cast<int64_t>(Golden().at("steps").size());
  config.batch.examples = static_cast<int64_t>(Golden().at("batches")[0].size());
  config.batch.micro_batch = Golden().at("micro_batch");
  config.optimizer.learning_rate.schedule = "rsqrt";
  config.optimizer.learning_rate.rate = Golden().at("rate");
  config.optimizer.learning_rate.warmup_steps = Golden().at("warmup");
  config.optimizer.gradient_clip = Golden().at("clip");
  config.z_loss = Golden().at("z_loss");
  return config;
}

// The recorded batches, one example after the other.
class RecordedStream final : public ExampleStream {
 public:
  absl::StatusOr<Example> Next() override {
    const Json& batches = Golden().at("batches");
    const size_t size = batches[0].size();
    const Json& row = batches.at(position_ / size).at(position_ % size);
    return Example{position_++, "", row[0].get<std::vector<int32_t>>(),
                   row[1].get<std::vector<int32_t>>()};
  }
  uint64_t position() const override { return position_; }
  absl::Status Seek(uint64_t position, const Json&) override {
    position_ = position;
    return absl::OkStatus();
  }
  Json Hint() const override { return nullptr; }
  Json Fingerprint() const override { return "recorded"; }

 private:
  uint64_t position_ = 0;
};

struct Trained {
  std::vector<StepReport> steps;
  StateDict weights;  // of the checkpoint after the last step
};

Trained Train(const TrainConfig& config) {
  const TempFolder folder;
  const golden::Case c = TrainingCase();
  TrainStart start;
  start.config = c.config;
  start.weights = golden::FormulaWeights(c);
  start.provenance = Json::object();
  RecordedStream stream;
  const auto trainer =
      Trainer::Create(config, start, &stream, nullptr, nullptr, folder.path()).value();
  Trained trained;
  for (int64_t i = 0; i < config.steps; ++i) trained.steps.push_back(trainer->Step().value());
  trained.weights = LoadRunCheckpoint(trainer->Run()->folder).value().weights;
  return trained;
}

double WorstLoss(const std::vector<StepReport>& found, const std::vector<double>& want) {
  double worst = found.size() == want.size() ? 0 : 1;
  for (size_t i = 0; i < std::min(found.size(), want.size()); ++i) {
    worst = std::max(worst, std::abs(found[i].loss / want[i] - 1));
  }
  return worst;
}

std::vector<double> GoldenLosses() {
  std::vector<double> losses;
  for (const Json& step : Golden().at("steps")) losses.push_back(step.at("loss"));
  return losses;
}

// Every n-th value, the places that the golden holds.
at::Tensor Sampled(const at::Tensor& tensor) {
  const int64_t stride =
      std::max<int64_t>(1, tensor.numel() / Golden().at("samples").get<int64_t>());
  return tensor.detach().flatten().slice(0, 0, std::nullopt, stride).to(at::kDouble);
}

// Root mean square of the difference over that of the distance the tensor went in ten steps: the
// weights themselves hardly move, so a difference over their own size would prove little.
double WorstWeights(const StateDict& found) {
  const StateDict before = golden::FormulaWeights(TrainingCase());
  EXPECT_EQ(found.size(), Golden().at("weights").size());
  double worst = 0;
  for (const auto& [name, values] : Golden().at("weights").items()) {
    const at::Tensor want = at::tensor(values.get<std::vector<double>>(), at::kDouble);
    const at::Tensor moved = want - Sampled(before.at(name));
    EXPECT_GT(moved.abs().max().item<double>(), 0) << name;
    const at::Tensor error = Sampled(found.at(name)) - want;
    worst = std::max(worst, (error.norm() / moved.norm()).item<double>());
  }
  return worst;
}

constexpr double kLossTolerance = 1e-5;
// fp32 gradients carry errors of 1e-6 to 1e-5 of their size (model_golden_test), and Adafactor
// divides each by its own size in the tensors that it does not factor, the small ones included.
constexpr double kWeightTolerance = 1e-4;

TEST(TrainerGolden, TenStepsEqualTheReferenceLoop) {
  const Trained trained = Train(GoldenConfig());
  const double losses = WorstLoss(trained.steps, GoldenLosses());
  const double weights = WorstWeights(trained.weights);
  EXPECT_LE(losses, kLossTolerance);
  EXPECT_LE(weights, kWeightTolerance);
  double norms = 0;
  for (size_t i = 0; i < trained.steps.size(); ++i) {
    const Json& want = Golden().at("steps")[i];
    EXPECT_EQ(trained.steps[i].target_tokens, want.at("tokens").get<int64_t>());
    EXPECT_NEAR(trained.steps[i].learning_rate, want.at("rate").get<double>(), 1e-12);
    const double norm = want.at("gradient_norm");
    norms = std::max(norms, std::abs(trained.steps[i].gradient_norm / norm - 1));
  }
  EXPECT_LE(norms, kLossTolerance);
  std::printf("  largest relative differences: losses %.1e, gradient norms %.1e, weights %.1e\n",
              losses, norms, weights);
}

// Control: the same loss, but gradients of the mean of the micro-batches' means.
TEST(TrainerGolden, ControlALoopThatAveragesTheMeansOfMicroBatchesFails) {
  const auto wrong = Golden().at("losses_of_part_means").get<std::vector<double>>();
  const double losses = WorstLoss(Train(GoldenConfig()).steps, wrong);
  std::printf("  means of parts: losses miss by %.1e\n", losses);
  EXPECT_GT(losses, 100 * kLossTolerance);
}

// Controls: a trainer that leaves out one part of the loop misses losses and weights.
void ExpectMiss(const std::string& what, const TrainConfig& config) {
  const Trained trained = Train(config);
  const double losses = WorstLoss(trained.steps, GoldenLosses());
  const double weights = WorstWeights(trained.weights);
  std::printf("  %s: losses miss by %.1e, weights by %.1e\n", what.c_str(), losses, weights);
  EXPECT_GT(losses, 10 * kLossTolerance) << what;
  EXPECT_GT(weights, 10 * kWeightTolerance) << what;
}

TEST(TrainerGolden, ControlAConstantRateFails) {
  TrainConfig config = GoldenConfig();
  config.optimizer.learning_rate = ScheduleConfig();
  config.optimizer.learning_rate.rate = Golden().at("steps")[0].at("rate");
  ExpectMiss("constant rate", config);
}

TEST(TrainerGolden, ControlsWithoutClippingZLossOrParameterScaleFail) {
  TrainConfig config = GoldenConfig();
  config.optimizer.gradient_clip = 0;
  ExpectMiss("no clipping", config);
  config = GoldenConfig();
  config.z_loss = 0;
  ExpectMiss("no z-loss", config);
  config = GoldenConfig();
  config.optimizer.multiply_by_parameter_scale = false;
  ExpectMiss("no parameter scale", config);
}

}  // namespace
}  // namespace regroup
