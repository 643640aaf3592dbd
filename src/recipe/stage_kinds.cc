// The table of kinds and what is generic over it.
#include "recipe/stage_kinds.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/reader.h"

namespace regroup {
namespace {

template <size_t... I>
StageConfig MakeByIndex(size_t index, std::index_sequence<I...>) {
  StageConfig config;
  ((index == I ? static_cast<void>(config.emplace<I>()) : static_cast<void>(0)), ...);
  return config;
}

struct ReferencesOf {
  std::vector<std::string> operator()(const PretrainStage&) const { return {}; }
  std::vector<std::string> operator()(const BenchStage& stage) const { return stage.from; }
  std::vector<std::string> operator()(const CompareStage& stage) const {
    std::vector<std::string> all = stage.rows;
    if (!stage.bench.empty()) all.push_back(stage.bench);
    all.insert(all.end(), stage.recovery.begin(), stage.recovery.end());
    return all;
  }
  std::vector<std::string> operator()(const ConvertStage& stage) const {
    return {stage.from, stage.calibration};
  }
  std::vector<std::string> operator()(const UptrainStage& stage) const {
    std::vector<std::string> all = {stage.from, stage.learned_merge};
    if (stage.distillation.has_value()) all.push_back(stage.distillation->teacher);
    return all;
  }
  template <class T>
  std::vector<std::string> operator()(const T& stage) const {
    return {stage.from};
  }
};

}  // namespace

const std::vector<std::string>& StageKinds() {
  static const std::vector<std::string> kinds = {"pretrain", "calibrate", "convert",
                                                 "uptrain",  "finetune",  "evaluate",
                                                 "export",   "bench",     "compare"};
  return kinds;
}

bool IsStageKind(const std::string& kind) {
  return std::find(StageKinds().begin(), StageKinds().end(), kind) != StageKinds().end();
}

StageConfig MakeStageConfig(const std::string& kind) {
  const auto found = std::find(StageKinds().begin(), StageKinds().end(), kind);
  REGROUP_CHECK(found != StageKinds().end(), kind);
  return MakeByIndex(static_cast<size_t>(found - StageKinds().begin()),
                     std::make_index_sequence<std::variant_size_v<StageConfig>>());
}

bool MakesModel(const std::string& kind) {
  return kind == "pretrain" || kind == "convert" || kind == "uptrain" || kind == "finetune";
}

bool ReadStage(Node& node, const std::string& section, Stage& stage, Problems& problems) {
  if (!node.IsMap() || node.keys.size() != 1) {
    problems.Add(
        node.mark, section,
        absl::StrCat("found ",
                     node.IsMap() ? absl::StrCat(node.keys.size(), " keys") : Describe(node),
                     ", expected one kind: {", absl::StrJoin(StageKinds(), " | "), ": {...}}"));
    return false;
  }
  stage.kind = node.keys[0];
  if (!IsStageKind(stage.kind)) {
    problems.Add(node.key_marks[0], section,
                 absl::StrCat("\"", stage.kind, "\" is not a kind of stage",
                              DidYouMean(stage.kind, StageKinds()), "; there are ",
                              absl::StrJoin(StageKinds(), ", ")));
    return false;
  }
  stage.config = MakeStageConfig(stage.kind);
  Node& body = node.items[0];
  const std::string path = JoinKey(section, stage.kind);
  if (!body.IsMap() && body.kind != Node::Kind::kNull) {
    problems.Add(body.mark, path,
                 absl::StrCat("found ", Describe(body), ", expected a section of keys"));
    return false;
  }
  std::visit([&](auto& config) { ReadConfig(body, path, config, problems); }, stage.config);
  for (const std::string& name : References(stage.config)) {
    if (name.empty() || IsFolderReference(name)) continue;
    const std::string need = ParseStageReference(name).stage;
    if (std::ranges::find(stage.needs, need) == stage.needs.end()) stage.needs.push_back(need);
  }
  return true;
}

bool IsFolderReference(const std::string& from) { return from.find('/') != std::string::npos; }

StageReference ParseStageReference(const std::string& from) {
  const size_t at = from.find('@');
  if (at == std::string::npos) return {from, std::nullopt};
  int64_t step = 0;
  if (!absl::SimpleAtoi(from.substr(at + 1), &step)) step = -1;
  return {from.substr(0, at), step};
}

Json StageConfigToJson(const StageConfig& config, bool results_only) {
  return std::visit([&](const auto& stage) { return ConfigToJson(stage, results_only); }, config);
}

std::vector<std::string> References(const StageConfig& config) {
  return std::visit(ReferencesOf{}, config);
}

}  // namespace regroup
