// What a training stage is watched with: held-out corpora, dev rows of tasks through the real
// decoder, or both. The stages' files call it; recipe/graph.cc checks the names beforehand.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/context.h"
#include "pipeline/lineage.h"
#include "train/validator.h"

namespace regroup {

// The numbers of several validators under one roof; null for none.
std::unique_ptr<Validator> CombineValidators(std::vector<std::unique_ptr<Validator>> validators);

// The dev rows of the recipe's task `name`, at most `rows` of them (0: all): "<prefix><metric>" and
// "<prefix>loss".
absl::StatusOr<std::unique_ptr<Validator>> DevValidator(const StageContext& context,
                                                        const std::string& name,
                                                        const std::string& prefix, int64_t rows,
                                                        std::shared_ptr<const Tokenizer> tokenizer);

// Those of a pre-training or uptraining stage: "heldout_loss" on the first corpus,
// "heldout_loss/<corpus>" on the others, "<task>/<metric>" on each task. Null if `validate` is
// absent.
absl::StatusOr<std::unique_ptr<Validator>> StageValidator(
    const StageContext& context, const Lineage& lineage,
    const std::optional<ValidationConfig>& validate, std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace regroup
