// Distillation: the loss against its parts from whole logits, one encoder for both, what is frozen.
#include "model/distillation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "model/state_dict.h"

namespace regroup {
namespace {

T5Config Tiny(int64_t kv_heads) {
  ModelConfig model;
  model.d_model = 32;
  model.d_kv = 8;
  model.num_heads = 4;
  model.d_ff = 48;
  model.num_layers = 2;
  model.num_decoder_layers = 2;
  T5Config config = MakeT5Config(model, 100);
  config.kv_heads.decoder_self = config.kv_heads.cross = {kv_heads, kv_heads};
  return config;
}

StateDict Doubles(const T5Config& config, uint64_t seed) {
  StateDict weights = InitializeWeights(config, seed);
  for (auto& [name, w] : weights) w = w.to(at::kDouble);
  return weights;
}

BatchTensors SomeBatch(const T5Config& config) {
  std::vector<Example> examples(3);
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 4 + 3 * i; ++k)
      examples[static_cast<size_t>(i)].input_ids.push_back(2 + (k * 37 + i * 11) % 90);
    for (int k = 0; k < 2 + i; ++k)
      examples[static_cast<size_t>(i)].target_ids.push_back(2 + (k * 53 + i * 7) % 90);
  }
  return ToTensors(Collate(examples), config, at::kCPU);
}

DistillationConfig How(double weight, double attention) {
  DistillationConfig how;
  how.weight = weight;
  how.temperature = 2;
  how.attention = attention;
  return how;
}

// A student whose encoder and embedding are the teacher's.
StateDict WithEncoderOf(StateDict student, const StateDict& teacher) {
  for (auto& [name, w] : student) {
    if (name.starts_with("encoder.") || name == "shared.weight") w = teacher.at(name).clone();
  }
  return student;
}

class Outputs final : public BlockObserver {
 public:
  void Attended(const AttentionSeen& seen) override { seen_[seen.prefix] = seen; }
  std::map<std::string, AttentionSeen> seen_;
};

TEST(Distiller, LossIsTheSumOfItsParts) {
  const T5Config config = Tiny(2), parent = Tiny(4);
  T5Model student(config, Doubles(config, 1), at::kDouble);
  T5Model teacher(parent, Doubles(parent, 2), at::kDouble);
  const BatchTensors batch = SomeBatch(config);
  Outputs ours, theirs;
  student.Observe(&ours);
  teacher.Observe(&theirs);
  const at::Tensor logits = student.DecodeLogits(student.Encode(batch), batch);
  const at::Tensor wanted = teacher.DecodeLogits(teacher.Encode(batch), batch);
  student.Observe(nullptr);
  const at::Tensor real_bt = batch.target_mask_bt.to(at::kDouble);
  const at::Tensor kl_bt =
      at::kl_div(at::log_softmax(logits / 2, -1), at::softmax(wanted / 2, -1), at::Reduction::None)
          .sum(-1);
  double attention = 0;
  for (const auto& [prefix, seen] : ours.seen_) {
    const at::Tensor& other = theirs.seen_.at(prefix).out_btd;
    const at::Tensor relative_bt = (seen.out_btd - other).square().sum(-1) / other.square().sum(-1);
    const at::Tensor mask = seen.query_mask_bt.to(at::kDouble);
    attention += ((relative_bt * mask).sum(1) / mask.sum(1) * real_bt.sum(1)).sum().item<double>();
  }
  attention /= static_cast<double>(ours.seen_.size());
  ASSERT_EQ(ours.seen_.size(), 6U);

  const LossOutput plain = student.Loss(batch, 0);
  const Distiller distiller(&student, parent, teacher.weights(), How(0.3, 0.7));
  const LossOutput out = distiller.Loss(batch, 0, {});
  const double kl = 4 * (kl_bt * real_bt).sum().item<double>();
  EXPECT_NEAR(out.teacher_sums.at("distillation_loss").item<double>(), kl, 1e-9 * kl);
  EXPECT_NEAR(out.teacher_sums.at("attention_loss").item<double>(), attention, 1e-9 * attention);
  EXPECT_NEAR(out.plain_sum.item<double>(), plain.loss_sum.item<double>(), 1e-9);
  const double whole = 0.7 * plain.loss_sum.item<double>() + 0.3 * kl + 0.7 * attention;
  EXPECT_NEAR(out.loss_sum.item<double>(), whole, 1e-9 * whole);
}

TEST(Distiller, OneEncoderServesBothWhereItIsFrozenAndTheTeachers) {
  const T5Config config = Tiny(2), parent = Tiny(4);
  const StateDict teacher = Doubles(parent, 2);
  T5Model student(config, WithEncoderOf(Doubles(config, 1), teacher), at::kDouble);
  const BatchTensors batch = SomeBatch(config);
  student.RequireGrad(true);
  const Distiller apart(&student, parent, teacher, How(0.5, 1));
  EXPECT_FALSE(apart.shares_encoder());
  student.RequireGradOf(GroupedAttentionNames(config));
  const Distiller shared(&student, parent, teacher, How(0.5, 1));
  EXPECT_TRUE(shared.shares_encoder());
  StateDict other = teacher;
  other["encoder.final_layer_norm.weight"] = teacher.at("encoder.final_layer_norm.weight") + 1e-9;
  EXPECT_FALSE(Distiller(&student, parent, other, How(0.5, 1)).shares_encoder());
  // The encoder's attentions have no error where it is shared, and none where it runs twice.
  const LossOutput one = shared.Loss(batch, 0, {}), two = apart.Loss(batch, 0, {});
  EXPECT_NEAR(one.teacher_sums.at("distillation_loss").item<double>(),
              two.teacher_sums.at("distillation_loss").item<double>(), 1e-9);
  EXPECT_NEAR(one.teacher_sums.at("attention_loss").item<double>(),
              two.teacher_sums.at("attention_loss").item<double>(), 1e-9);
  const DropoutOptions dropout{0.5, 1, 1};
  EXPECT_TRUE(at::isfinite(shared.Loss(batch, 0, dropout).loss_sum).item<bool>());
}

TEST(Distiller, GradientsReachWhatIsTrainedAlone) {
  const T5Config config = Tiny(2), parent = Tiny(4);
  const StateDict teacher = Doubles(parent, 2);
  T5Model student(config, WithEncoderOf(Doubles(config, 1), teacher), at::kDouble);
  const std::vector<std::string> trained = GroupedAttentionNames(config);
  EXPECT_EQ(trained.size(), 16U);  // q, k, v, o of two sites of two layers
  student.RequireGradOf(trained);
  const Distiller distiller(&student, parent, teacher, How(0.5, 1));
  distiller.Loss(SomeBatch(config), 0, {}).loss_sum.backward();
  for (const auto& [name, w] : student.weights()) {
    const bool is_trained = std::find(trained.begin(), trained.end(), name) != trained.end();
    EXPECT_EQ(w.grad().defined(), is_trained) << name;
    if (is_trained) {
      EXPECT_GT(w.grad().abs().max().item<double>(), 0) << name;
    }
  }
  for (const auto& [name, w] : teacher) EXPECT_FALSE(w.grad().defined()) << name;
}

}  // namespace
}  // namespace regroup
