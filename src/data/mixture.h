// Which corpora take part in span corruption, with which weight. Used by the stream and the
// held-out reader.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/status.h"
#include "data/data_config.h"
#include "data/documents.h"

namespace regroup {

// Corpus name -> weight: the config's mixture, or all corpora alike where it is empty. UserError
// for unknown names (with the nearest one) and weights that are not above 0.
absl::StatusOr<std::map<std::string, double>> WeightsOf(
    const SpanCorruptionConfig& config, const std::map<std::string, CorpusConfig>& corpora);

// The corpora that have a weight, by name.
absl::StatusOr<std::vector<Corpus>> OpenCorpora(const std::map<std::string, double>& weights,
                                                const std::map<std::string, CorpusConfig>& corpora,
                                                uint64_t seed);

}  // namespace regroup
