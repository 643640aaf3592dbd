// Properties of the model that need no reference: causality, padding, batching, dropout, precision.
#include "model/t5.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "parallel/gradient_tree.h"

namespace regroup {
namespace {

T5Config Tiny() {
  ModelConfig model;
  model.d_model = 32;
  model.d_kv = 8;
  model.num_heads = 4;
  model.d_ff = 48;
  model.num_layers = 2;
  model.num_decoder_layers = 2;
  T5Config c = MakeT5Config(model, 100);
  c.kv_heads = {{4, 2}, {2, 1}, {1, 4}};
  return c;
}

StateDict Weights(at::ScalarType type) {
  StateDict weights = InitializeWeights(Tiny(), 3);
  for (auto& [name, w] : weights) w = w.to(type);
  return weights;
}

T5Model Model(at::ScalarType type) {
  return T5Model(Tiny(), Weights(type == at::kBFloat16 ? at::kFloat : type), type);
}

// Row i has 3 + 5i source and 2 + 3i target ids.
std::vector<Example> Examples(int n) {
  std::vector<Example> examples;
  for (int i = 0; i < n; ++i) {
    Example e;
    e.position = static_cast<uint64_t>(100 + i);
    for (int k = 0; k < 3 + 5 * i; ++k) e.input_ids.push_back((k * 37 + i * 11) % 100);
    for (int k = 0; k < 2 + 3 * i; ++k) e.target_ids.push_back((k * 53 + i * 7) % 100);
    examples.push_back(e);
  }
  return examples;
}

BatchTensors Tensors(std::span<const Example> examples) {
  return ToTensors(Collate(examples), Tiny(), at::kCPU);
}

StateDict Gradients(T5Model& model) {
  StateDict gradients;
  for (auto& [name, w] : model.weights()) {
    gradients[name] = w.grad();
    w.mutable_grad().reset();
  }
  return gradients;
}

double Largest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(ToTensors, ShiftsTargetsAndMasksByLength) {
  const auto examples = Examples(2);
  const BatchTensors b = Tensors(examples);
  EXPECT_EQ(b.target_in_bt[1][0].item<int64_t>(), 0);
  EXPECT_TRUE(at::equal(b.target_in_bt.narrow(1, 1, 4), b.target_out_bt.narrow(1, 0, 4)));
  EXPECT_EQ(b.source_mask_bs.sum().item<int64_t>(), 3 + 8);
  EXPECT_EQ(b.target_mask_bt.sum().item<int64_t>(), b.target_tokens);
  EXPECT_TRUE(b.source_padded);
  EXPECT_EQ(b.positions_b, (std::vector<uint64_t>{100, 101}));
}

TEST(T5Model, LossIsTheCrossEntropyOfItsLogits) {
  const T5Model model = Model(at::kDouble);
  const auto examples = Examples(3);
  const BatchTensors b = Tensors(examples);
  const at::Tensor logits = model.DecodeLogits(model.Encode(b), b);
  at::Tensor token = at::cross_entropy_loss(logits.flatten(0, 1), b.target_out_bt.flatten(), {},
                                            at::Reduction::None)
                         .view(b.target_out_bt.sizes());
  token = token * b.target_mask_bt;
  const LossOutput loss = model.Loss(b, 0);
  EXPECT_LT(Largest(loss.row_loss_b, token.sum(1)), 1e-10);
  EXPECT_NEAR(loss.loss_sum.item<double>(), token.sum().item<double>(), 1e-10);
}

TEST(T5Model, LaterTargetsDoNotReachEarlierLogits) {
  const T5Model model = Model(at::kDouble);
  auto examples = Examples(3);
  const auto logits = [&] {
    const BatchTensors b = Tensors(std::span(examples).subspan(2));
    return model.DecodeLogits(model.Encode(b), b);
  };
  const at::Tensor before = logits();
  examples[2].target_ids[5] = 99;  // read by the decoder from step 6 on
  const at::Tensor after = logits();
  EXPECT_LT(Largest(before.narrow(1, 0, 6), after.narrow(1, 0, 6)), 1e-12);
  EXPECT_GT(Largest(before.narrow(1, 6, 1), after.narrow(1, 6, 1)), 1e-3);
}

TEST(T5Model, RowsInABatchHaveTheLossThatTheyHaveAlone) {
  for (const DropoutOptions& dropout : {DropoutOptions{}, DropoutOptions{0.3, 5, 17}}) {
    const T5Model model = Model(at::kDouble);
    const auto examples = Examples(4);
    const at::Tensor together = model.Loss(Tensors(examples), 0, dropout).row_loss_b;
    for (size_t i = 0; i < examples.size(); ++i) {
      const at::Tensor alone =
          model.Loss(Tensors(std::span(examples).subspan(i, 1)), 0, dropout).row_loss_b;
      EXPECT_NEAR(alone.item<double>(), together[static_cast<int64_t>(i)].item<double>(), 1e-9);
    }
  }
}

TEST(T5Model, MicroBatchesSumToTheGradientsOfTheWholeBatch) {
  T5Model model = Model(at::kDouble);
  model.RequireGrad(true);
  const auto examples = Examples(4);
  const DropoutOptions dropout{0.1, 5, 17};
  model.Loss(Tensors(examples), 1e-3, dropout).loss_sum.backward();
  const StateDict whole = Gradients(model);
  GradientTree tree;
  for (size_t i = 0; i < 4; ++i) {
    model.Loss(Tensors(std::span(examples).subspan(i, 1)), 1e-3, dropout).loss_sum.backward();
    tree.Add(Gradients(model));
  }
  const StateDict parts = tree.Finish();
  for (const auto& [name, g] : whole) EXPECT_LT(Largest(g, parts.at(name)), 1e-9) << name;
}

TEST(T5Model, DropoutIsAFunctionOfSeedAndStep) {
  const T5Model model = Model(at::kFloat);
  const auto examples = Examples(2);
  const BatchTensors b = Tensors(examples);
  const auto loss = [&](DropoutOptions d) { return model.Loss(b, 0, d).loss_sum.item<double>(); };
  EXPECT_EQ(loss({0.2, 1, 1}), loss({0.2, 1, 1}));
  EXPECT_NE(loss({0.2, 1, 1}), loss({0.2, 1, 2}));
  EXPECT_NE(loss({0.2, 1, 1}), loss({0.2, 2, 1}));
  EXPECT_NE(loss({0.2, 1, 1}), loss({}));
}

TEST(T5Model, GradientsAreThoseOfFiniteDifferences) {
  T5Model model = Model(at::kDouble);
  model.RequireGrad(true);
  const auto examples = Examples(3);
  const BatchTensors b = Tensors(examples);
  const DropoutOptions dropout{0.2, 5, 17};
  const auto loss = [&] { return model.Loss(b, 0.01, dropout).loss_sum; };
  loss().backward();
  const StateDict gradients = Gradients(model);
  model.RequireGrad(false);
  for (auto& [name, w] : model.weights()) {
    const at::Tensor direction = at::cos(at::arange(w.numel(), w.options())).view(w.sizes());
    const double h = 1e-6;
    w.add_(direction, h);
    const double up = loss().item<double>();
    w.sub_(direction, 2 * h);
    const double down = loss().item<double>();
    w.add_(direction, h);
    const double slope = (gradients.at(name) * direction).sum().item<double>();
    EXPECT_NEAR((up - down) / (2 * h), slope, 1e-5 * std::max(1.0, std::abs(slope))) << name;
  }
}

TEST(T5Model, HalfPrecisionIsNearAndLeavesGradientsInTheMasters) {
  const auto examples = Examples(3);
  const BatchTensors b = Tensors(examples);
  T5Model half = Model(at::kBFloat16);
  half.RequireGrad(true);
  const LossOutput loss = half.Loss(b, 1e-4);
  const double want = Model(at::kFloat).Loss(b, 1e-4).loss_sum.item<double>();
  EXPECT_NEAR(loss.loss_sum.item<double>() / want, 1, 0.02);
  loss.loss_sum.backward();
  for (const auto& [name, g] : Gradients(half)) {
    EXPECT_EQ(g.scalar_type(), at::kFloat) << name;
    EXPECT_TRUE(g.isfinite().all().item<bool>()) << name;
  }
}

TEST(T5ModelDeathTest, WeightsThatDoNotFitTheConfigAreAProgrammersError) {
  StateDict weights = Weights(at::kFloat);
  weights.erase("shared.weight");
  EXPECT_DEATH(T5Model(Tiny(), weights, at::kFloat), "missing weight shared.weight");
  weights = Weights(at::kFloat);
  weights["lm_head.weight"] = at::ones({3, 3});
  EXPECT_DEATH(T5Model(Tiny(), weights, at::kFloat), "lm_head.weight");
}

// Keeps what went into and came out of every block.
class Recorder final : public BlockObserver {
 public:
  void Before(bool decoder, int64_t layer, const at::Tensor& x) override {
    names.push_back(absl::StrCat(decoder ? "decoder " : "encoder ", layer));
    in.push_back(x);
  }
  void After(bool, int64_t, const at::Tensor& x) override { out.push_back(x); }
  std::vector<std::string> names;
  std::vector<at::Tensor> in, out;
};

TEST(Model, AnObserverSeesEveryBlockOnceAndChangesNothing) {
  const auto examples = Examples(2);
  T5Model model = Model(at::kFloat);
  const double without = model.Loss(Tensors(examples), 0).loss_sum.item<double>();
  Recorder recorder;
  model.Observe(&recorder);
  EXPECT_EQ(model.Loss(Tensors(examples), 0).loss_sum.item<double>(), without);
  EXPECT_EQ(recorder.names,
            (std::vector<std::string>{"encoder 0", "encoder 1", "decoder 0", "decoder 1"}));
  ASSERT_EQ(recorder.out.size(), 4u);
  EXPECT_TRUE(recorder.in[1].equal(recorder.out[0]));
  EXPECT_TRUE(recorder.in[3].equal(recorder.out[2]));
  EXPECT_FALSE(recorder.out[0].equal(recorder.in[0])) << "control: a block changes its input";
}

}  // namespace
}  // namespace regroup
