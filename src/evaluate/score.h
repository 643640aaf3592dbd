// Teacher-forced negative log-likelihood (command `score`, held-out loss, Validator). Uses `model`.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/status.h"
#include "data/batch.h"
#include "model/t5.h"
#include "train/validator.h"

namespace regroup {

struct RowScore {
  int64_t target_tokens = 0;
  double loss_sum = 0;  // nats
};
struct ScoreTotal {
  int64_t rows = 0, target_tokens = 0;
  double loss_sum = 0;
  double loss() const {
    return target_tokens == 0 ? 0 : loss_sum / static_cast<double>(target_tokens);
  }
};

inline constexpr int64_t kScoreBatchTokens = 16384;

// The same tensors without their history, so that scoring needs no graph.
StateDict DetachedWeights(const StateDict& weights);

// One score per example, in order; batches of at most `batch_tokens` padded tokens.
absl::StatusOr<std::vector<RowScore>> ScoreExamples(const T5Model& model,
                                                    std::span<const Example> examples,
                                                    int64_t batch_tokens);
// The error for a row whose `what` ("loss", "score") is NaN or infinite.
absl::Status NotFinite(const std::string& place, const std::string& what, double value);
// OK if every loss is finite; else the error for the first that is not, its place "row ID" by the
// example's id.
absl::Status CheckFinite(std::span<const RowScore> scores, std::span<const Example> examples);
ScoreTotal SumScores(std::span<const RowScore> scores);

// Held-out loss as a Validator: {"<name>": loss per target token}.
std::unique_ptr<Validator> MakeLossValidator(std::string name, std::vector<Example> examples,
                                             at::ScalarType compute);

}  // namespace regroup
