// Teacher-forced losses in batches of rows of like length.
#include "evaluate/score.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/stop.h"

namespace regroup {
namespace {

// Row numbers ordered by length, so that batches hold little padding.
std::vector<size_t> ByLength(std::span<const Example> examples) {
  std::vector<size_t> order(examples.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto length = [&](size_t i) {
    return examples[i].input_ids.size() + examples[i].target_ids.size();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return length(a) < length(b); });
  return order;
}

// How many rows of `order` from `begin` fit into `batch_tokens` padded tokens (at least one).
size_t RowsThatFit(std::span<const Example> examples, const std::vector<size_t>& order,
                   size_t begin, int64_t batch_tokens) {
  size_t source = 0;
  size_t target = 0;
  size_t rows = 0;
  while (begin + rows < order.size()) {
    const Example& next = examples[order[begin + rows]];
    source = std::max(source, next.input_ids.size());
    target = std::max(target, next.target_ids.size());
    if (rows > 0 && static_cast<int64_t>((source + target) * (rows + 1)) > batch_tokens) break;
    ++rows;
  }
  return rows;
}

class LossValidator final : public Validator {
 public:
  LossValidator(std::string name, std::vector<Example> examples, at::ScalarType compute)
      : name_(std::move(name)), examples_(std::move(examples)), compute_(compute) {}

  absl::StatusOr<std::map<std::string, double>> Validate(const T5Config& config,
                                                         const StateDict& weights,
                                                         int64_t) override {
    const T5Model model(config, DetachedWeights(weights), compute_);
    REGROUP_ASSIGN_OR_RETURN(const auto scores, ScoreExamples(model, examples_, kScoreBatchTokens));
    return std::map<std::string, double>{{name_, SumScores(scores).loss()}};
  }

 private:
  std::string name_;
  std::vector<Example> examples_;
  at::ScalarType compute_;
};

}  // namespace

StateDict DetachedWeights(const StateDict& weights) {
  StateDict detached;
  for (const auto& [name, tensor] : weights) detached[name] = tensor.detach();
  return detached;
}

absl::StatusOr<std::vector<RowScore>> ScoreExamples(const T5Model& model,
                                                    std::span<const Example> examples,
                                                    int64_t batch_tokens) {
  const c10::InferenceMode inference;
  const at::Device device = model.weights().begin()->second.device();
  const std::vector<size_t> order = ByLength(examples);
  std::vector<RowScore> scores(examples.size());
  for (size_t begin = 0; begin < order.size();) {
    if (StopRequested()) return StoppedStatus();
    const size_t rows = RowsThatFit(examples, order, begin, batch_tokens);
    std::vector<Example> part;
    for (size_t i = 0; i < rows; ++i) part.push_back(examples[order[begin + i]]);
    const LossOutput out =
        model.Loss(ToTensors(Collate(part), model.config(), device), /*z_loss=*/0);
    const at::Tensor loss_b = out.row_loss_b.to(at::kCPU, at::kDouble).contiguous();
    for (size_t i = 0; i < rows; ++i) {
      scores[order[begin + i]] = {static_cast<int64_t>(part[i].target_ids.size()),
                                  loss_b.const_data_ptr<double>()[i]};
    }
    begin += rows;
  }
  return scores;
}

absl::Status NotFinite(const std::string& place, const std::string& what, double value) {
  return RunError(place, absl::StrCat("its ", what, " is ", value,
                                      ": the model overflows on this row; with --precision bf16 "
                                      "try fp32, else the weights are at fault"));
}

absl::Status CheckFinite(std::span<const RowScore> scores, std::span<const Example> examples) {
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isfinite(scores[i].loss_sum)) continue;
    return NotFinite(absl::StrCat("row ", examples[i].id), "loss", scores[i].loss_sum);
  }
  return absl::OkStatus();
}

ScoreTotal SumScores(std::span<const RowScore> scores) {
  ScoreTotal total;
  total.rows = static_cast<int64_t>(scores.size());
  for (const RowScore& score : scores) {
    total.target_tokens += score.target_tokens;
    total.loss_sum += score.loss_sum;
  }
  return total;
}

std::unique_ptr<Validator> MakeLossValidator(std::string name, std::vector<Example> examples,
                                             at::ScalarType compute) {
  return std::make_unique<LossValidator>(std::move(name), std::move(examples), compute);
}

}  // namespace regroup
