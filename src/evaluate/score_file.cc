// The command `score`. See commands.h.
#include <ATen/ATen.h>

#include <cmath>
#include <ostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "checkpoint/hf_folder.h"
#include "core/progress.h"
#include "data/rows.h"
#include "evaluate/commands.h"
#include "evaluate/score.h"

namespace regroup {
namespace {

// Rows that are scored together before any is printed: enough to sort them by length.
constexpr size_t kWindowRows = 512;

class FileScorer {
 public:
  FileScorer(const ScoreRequest& request, const T5Model& model, std::ostream& out)
      : request_(request), model_(model), out_(out) {}

  absl::Status Take(Row row) {
    if (row.example.target_ids.empty()) {
      return UserError(Place(row),
                       "has no \"target\", \"targets\" or \"target_ids\"; score needs one");
    }
    window_.push_back(std::move(row));
    return window_.size() < kWindowRows ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    std::vector<Example> examples;
    for (const Row& row : window_) examples.push_back(row.example);
    REGROUP_ASSIGN_OR_RETURN(const std::vector<RowScore> scores,
                             ScoreExamples(model_, examples, request_.batch_tokens));
    for (size_t i = 0; i < scores.size(); ++i) {
      if (!std::isfinite(scores[i].loss_sum))
        return NotFinite(Place(window_[i]), "loss", scores[i].loss_sum);
      if (request_.per_row) PrintRow(window_[i], scores[i]);
    }
    const ScoreTotal part = SumScores(scores);
    total_.rows += part.rows;
    total_.target_tokens += part.target_tokens;
    total_.loss_sum += part.loss_sum;
    meter_.Add(part.rows);
    window_.clear();
    out_.flush();
    return absl::OkStatus();
  }

  absl::Status CheckAnyRow() const {
    return total_.rows > 0 ? absl::OkStatus() : UserError(request_.data, "holds no rows");
  }

  void PrintTotal() {
    if (request_.json) {
      const Json json = {{"rows", total_.rows},
                         {"target_tokens", total_.target_tokens},
                         {"loss_sum", total_.loss_sum},
                         {"loss", total_.loss()}};
      out_ << DumpJson(json) << "\n";
    } else {
      out_ << absl::StrFormat("%d rows, %d target tokens, loss %.6f per token (sum %.6f)\n",
                              total_.rows, total_.target_tokens, total_.loss(), total_.loss_sum);
    }
  }

 private:
  std::string Place(const Row& row) const {
    return absl::StrCat(request_.data, ":", row.example.position + 1);
  }

  void PrintRow(const Row& row, const RowScore& score) {
    const double loss = score.loss_sum / static_cast<double>(score.target_tokens);
    if (request_.json) {
      const Json json = {{"id", row.id},
                         {"target_tokens", score.target_tokens},
                         {"loss_sum", score.loss_sum},
                         {"loss", loss}};
      out_ << DumpJson(json) << "\n";
    } else {
      out_ << absl::StrFormat("%s\t%d tokens\tloss %.6f per token (sum %.6f)\n", row.example.id,
                              score.target_tokens, loss, score.loss_sum);
    }
  }

  const ScoreRequest& request_;
  const T5Model& model_;
  std::ostream& out_;
  std::vector<Row> window_;
  ScoreTotal total_;
  ProgressMeter meter_{"scoring", "rows", 0};
};

absl::StatusOr<T5Model> LoadScorer(const HfModel& model, at::ScalarType compute) {
  StateDict masters;
  for (const auto& [name, tensor] : model.weights) masters[name] = tensor.to(at::kFloat);
  return T5Model(model.config, std::move(masters), compute);
}

}  // namespace

absl::StatusOr<at::ScalarType> ComputeType(const std::string& precision) {
  if (precision.empty() || precision == "fp32") return at::kFloat;
  if (precision == "bf16") return at::kBFloat16;
  return UserError("--precision", absl::StrCat("is \"", precision, "\"; expected fp32 or bf16"));
}

absl::Status ScoreFile(const ScoreRequest& request, std::ostream& out) {
  REGROUP_ASSIGN_OR_RETURN(const at::ScalarType compute, ComputeType(request.precision));
  REGROUP_ASSIGN_OR_RETURN(const HfModel model, LoadHfFolder(request.model));
  std::shared_ptr<const Tokenizer> tokenizer;
  if (HasTokenizer(request.model)) {
    REGROUP_ASSIGN_OR_RETURN(tokenizer, Tokenizer::Load(request.model));
  }
  REGROUP_ASSIGN_OR_RETURN(const T5Model scored, LoadScorer(model, compute));
  FileScorer scorer(request, scored, out);
  const absl::Status read = ForEachRow(request.data, tokenizer.get(), model.config.vocab_size,
                                       [&](Row row) { return scorer.Take(std::move(row)); });
  if (!read.ok() && (!request.per_row || ExitCode(read) != 2)) return read;
  REGROUP_RETURN_IF_ERROR(scorer.Flush());
  REGROUP_RETURN_IF_ERROR(read);
  REGROUP_RETURN_IF_ERROR(scorer.CheckAnyRow());
  if (!request.per_row) scorer.PrintTotal();
  return absl::OkStatus();
}

}  // namespace regroup
