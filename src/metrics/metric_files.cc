// Predictions brought together with their references: see metric_files.h.
#include "metrics/metric_files.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "metrics/metric_readers.h"

namespace regroup {
namespace {

absl::StatusOr<MetricInput> MatchInOrder(Predictions predictions, References references) {
  if (predictions.texts.size() != references.texts.size()) {
    return UserError(
        predictions.path,
        absl::StrCat("found ", predictions.texts.size(), " predictions, but ", references.path,
                     " has ", references.texts.size(), " rows; each row needs one"));
  }
  const bool both_have_ids = !predictions.ids.empty() && !references.ids.empty();
  for (size_t i = 0; both_have_ids && i < predictions.ids.size(); ++i) {
    if (predictions.ids[i] == references.ids[i]) continue;
    return UserError(LinePlace(predictions.path, i),
                     absl::StrCat("found the id ", predictions.ids[i], ", but ",
                                  LinePlace(references.path, i), " has ", references.ids[i],
                                  "; both files must hold the same rows in the same order"));
  }
  return MetricInput{std::move(predictions.texts), std::move(references.texts), {}};
}

absl::StatusOr<MetricInput> MatchById(const Predictions& predictions, References references) {
  absl::flat_hash_map<std::string, size_t> by_id;
  for (size_t i = 0; i < predictions.ids.size(); ++i) {
    if (by_id.emplace(predictions.ids[i], i).second) continue;
    return UserError(LinePlace(predictions.path, i),
                     absl::StrCat("a second prediction for ", predictions.ids[i]));
  }
  MetricInput input;
  bool any = false;
  for (const std::string& id : references.ids) {
    const auto found = by_id.find(id);
    any = any || found != by_id.end();
    input.missing.push_back(found == by_id.end());
    input.predictions.push_back(found == by_id.end() ? "" : predictions.texts[found->second]);
  }
  if (!any)
    return UserError(predictions.path, absl::StrCat("none of its ids stands in ", references.path));
  input.references = std::move(references.texts);
  return input;
}

}  // namespace

absl::StatusOr<MetricInput> ReadMetricFiles(const std::string& predictions,
                                            const std::vector<std::string>& references) {
  REGROUP_ASSIGN_OR_RETURN(References expected, ReadReferences(references));
  REGROUP_ASSIGN_OR_RETURN(Predictions found, ReadPredictions(predictions));
  const bool by_id = found.kind == FileKind::kJson || expected.kind == FileKind::kJson;
  if (!by_id) return MatchInOrder(std::move(found), std::move(expected));
  if (found.ids.empty() || expected.ids.empty()) {
    return UserError(
        found.ids.empty() ? found.path : expected.path,
        "has no ids; a .json file is matched by question id, so the other must be .json or .jsonl");
  }
  return MatchById(found, std::move(expected));
}

}  // namespace regroup
