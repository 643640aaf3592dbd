// K/V heads from config.json and from the records of stages.
#include "report/heads.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "report/json_fields.h"

namespace regroup {
namespace {

// The K/V heads of one decoder site in config.json, in one word.
std::string SiteHeads(const Json& config, const std::string& site) {
  const Json& given = FieldOf(FieldOf(config, "kv_heads"), site);
  if (given.is_number()) return absl::StrCat(NumberOf(given));
  std::set<std::string> kinds;
  std::vector<std::string> layers;
  for (const Json& layer : given.is_array() ? given : Json::array()) {
    layers.push_back(absl::StrCat(NumberOf(layer)));
    kinds.insert(layers.back());
  }
  if (kinds.size() == 1) return layers[0];
  if (!layers.empty()) return absl::StrCat("[", absl::StrJoin(layers, " "), "]");
  for (const char* key : {"num_key_value_heads", "num_heads"}) {
    if (const Json& heads = FieldOf(config, key); heads.is_number())
      return absl::StrCat(NumberOf(heads));
  }
  return "";
}

Heads HeadsOf(const Json& config) {
  const std::string self = SiteHeads(config, "decoder_self"), cross = SiteHeads(config, "cross");
  const std::string text = self == cross ? self : absl::StrCat("self ", self, ", cross ", cross);
  const Json& all = FieldOf(config, "num_heads");
  if (text.empty() || !all.is_number()) return {};
  return {text, HeadsLabel(text, static_cast<int64_t>(NumberOf(all)))};
}

// The model that a stage left, by its config.json; what a compare stage wrote where that is gone.
Heads HeadsOfStage(const RunRecord& run, const std::string& name) {
  const StageRecord* stage = run.Find(name);
  std::string folder = stage == nullptr ? name : "";
  if (stage != nullptr && !TextOf(stage->result, "model").empty())
    folder = JoinPath(stage->folder, TextOf(stage->result, "model"));
  if (!folder.empty()) {
    const auto config = ReadConfigFile(JoinPath(folder, "config.json"));
    if (config.ok() && !HeadsOf(*config).label.empty()) return HeadsOf(*config);
  }
  if (stage == nullptr) return {};
  const Json& shape = FieldOf(stage->config, "model");
  if (stage->kind == "pretrain" && shape.is_object()) return HeadsOf(shape);
  const Json& merged = FieldOf(stage->config, "kv_heads");
  if (stage->kind == "convert" && merged.is_number()) {
    const std::string heads = absl::StrCat(NumberOf(merged));
    return {heads, HeadsLabel(heads, 0)};
  }
  return {};
}

}  // namespace

std::string HeadsLabel(const std::string& heads, int64_t num_heads) {
  if (heads == absl::StrCat(num_heads)) return "MHA";
  return heads == "1" ? "MQA" : absl::StrCat("GQA-", heads);
}

Heads HeadsOfModel(const RunRecord& run, std::string name) {
  for (size_t hops = 0; hops <= run.stages.size(); ++hops) {
    if (Heads heads = HeadsOfStage(run, name); !heads.label.empty()) return heads;
    const StageRecord* stage = run.Find(name);
    if (stage == nullptr || stage->kind == "convert") return {};
    name = TextOf(stage->config, "from");
  }
  return {};
}

}  // namespace regroup
