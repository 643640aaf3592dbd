// Checks and opens the corpora of a mixture.
#include "data/mixture.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace regroup {

absl::StatusOr<std::map<std::string, double>> WeightsOf(
    const SpanCorruptionConfig& config, const std::map<std::string, CorpusConfig>& corpora) {
  std::map<std::string, double> weights = config.mixture;
  std::vector<std::string> names;
  for (const auto& [name, corpus] : corpora) {
    names.push_back(name);
    if (config.mixture.empty()) weights[name] = 1.0;
  }
  if (weights.empty()) return UserError("corpora", "no corpus is named; pre-training needs one");
  for (const auto& [name, weight] : weights) {
    if (!corpora.contains(name)) {
      return UserError(absl::StrCat("mixture.", name),
                       absl::StrCat("there is no such corpus", DidYouMean(name, names)));
    }
    if (!(weight > 0) || weight > 1e30) {
      return UserError(absl::StrCat("mixture.", name),
                       absl::StrCat("the weight is ", weight, ", expected a number above 0"));
    }
  }
  return weights;
}

absl::StatusOr<std::vector<Corpus>> OpenCorpora(const std::map<std::string, double>& weights,
                                                const std::map<std::string, CorpusConfig>& corpora,
                                                uint64_t seed) {
  std::vector<Corpus> opened;
  for (const auto& [name, weight] : weights) {
    REGROUP_ASSIGN_OR_RETURN(Corpus corpus, OpenCorpus(name, corpora.at(name), seed));
    opened.push_back(std::move(corpus));
  }
  return opened;
}

}  // namespace regroup
