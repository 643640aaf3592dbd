// Validators of a stage, made from the recipe.
#include "pipeline/validation.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "data/rows.h"
#include "data/span_corruption.h"
#include "evaluate/score.h"

namespace regroup {
namespace {

class CombinedValidator final : public Validator {
 public:
  explicit CombinedValidator(std::vector<std::unique_ptr<Validator>> validators)
      : validators_(std::move(validators)) {}

  absl::StatusOr<std::map<std::string, double>> Validate(const T5Config& config,
                                                         const StateDict& weights,
                                                         int64_t step) override {
    std::map<std::string, double> all;
    for (const auto& validator : validators_) {
      REGROUP_ASSIGN_OR_RETURN(auto values, validator->Validate(config, weights, step));
      all.merge(std::move(values));
    }
    return all;
  }

 private:
  std::vector<std::unique_ptr<Validator>> validators_;
};

class PrefixedValidator final : public Validator {
 public:
  PrefixedValidator(std::string prefix, std::unique_ptr<Validator> validator)
      : prefix_(std::move(prefix)), validator_(std::move(validator)) {}

  absl::StatusOr<std::map<std::string, double>> Validate(const T5Config& config,
                                                         const StateDict& weights,
                                                         int64_t step) override {
    REGROUP_ASSIGN_OR_RETURN(const auto values, validator_->Validate(config, weights, step));
    std::map<std::string, double> named;
    for (const auto& [name, value] : values) named[prefix_ + name] = value;
    return named;
  }

 private:
  std::string prefix_;
  std::unique_ptr<Validator> validator_;
};

absl::StatusOr<std::unique_ptr<Validator>> CorpusValidator(
    const StageContext& context, const Lineage& lineage, const std::string& corpus,
    const std::string& name, int64_t rows, std::shared_ptr<const Tokenizer> tokenizer) {
  SpanCorruptionConfig data = lineage.data;
  data.mixture.clear();
  const std::map<std::string, CorpusConfig> corpora = {
      {corpus, context.recipe->head.corpora.at(corpus)}};
  REGROUP_ASSIGN_OR_RETURN(std::vector<Example> examples,
                           ReadHeldOut(data, corpora, std::move(tokenizer), lineage.seed, rows));
  return MakeLossValidator(name, std::move(examples), at::kFloat);
}

}  // namespace

std::unique_ptr<Validator> CombineValidators(std::vector<std::unique_ptr<Validator>> validators) {
  if (validators.empty()) return nullptr;
  if (validators.size() == 1) return std::move(validators.front());
  return std::make_unique<CombinedValidator>(std::move(validators));
}

absl::StatusOr<std::unique_ptr<Validator>> DevValidator(
    const StageContext& context, const std::string& name, const std::string& prefix, int64_t rows,
    std::shared_ptr<const Tokenizer> tokenizer) {
  const TaskConfig task = ToTaskConfig(context.recipe->task_files.at(name));
  REGROUP_ASSIGN_OR_RETURN(
      std::vector<Row> dev,
      ReadTaskRows(task.text, context.recipe->head.tasks.at(name).dev, *tokenizer));
  if (rows > 0 && std::ssize(dev) > rows) dev.resize(static_cast<size_t>(rows));
  auto validator = MakeTaskValidator(task, std::move(dev), std::move(tokenizer), at::kFloat);
  if (prefix.empty()) return validator;
  return std::make_unique<PrefixedValidator>(prefix, std::move(validator));
}

absl::StatusOr<std::unique_ptr<Validator>> StageValidator(
    const StageContext& context, const Lineage& lineage,
    const std::optional<ValidationConfig>& validate, std::shared_ptr<const Tokenizer> tokenizer) {
  if (!validate.has_value()) return nullptr;
  std::vector<std::unique_ptr<Validator>> all;
  for (const std::string& corpus : validate->corpus) {
    const std::string name = HeldOutName(*validate, corpus);
    REGROUP_ASSIGN_OR_RETURN(all.emplace_back(), CorpusValidator(context, lineage, corpus, name,
                                                                 validate->rows, tokenizer));
  }
  for (const std::string& task : validate->tasks) {
    REGROUP_ASSIGN_OR_RETURN(
        all.emplace_back(),
        DevValidator(context, task, absl::StrCat(task, "/"), validate->task_rows, tokenizer));
  }
  return CombineValidators(std::move(all));
}

}  // namespace regroup
