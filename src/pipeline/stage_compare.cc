// The table: gathers what evaluate, bench and uptrain stages found. Writes table.json and
// table.txt, prints nothing (run_recipe.cc prints table.txt, also when the stage had finished
// before).
#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "pipeline/stage_functions.h"
#include "recipe/stage_kinds.h"
#include "report/comparison.h"
#include "report/heads.h"
#include "report/recovery.h"

namespace regroup {
namespace {

// The model that a row is about: behind evaluate and finetune stages, the one that was made before
// them.
std::string BaseOf(const Recipe& recipe, const std::string& name) {
  const Stage* stage = IsFolderReference(name) ? nullptr : recipe.Find(name);
  if (stage == nullptr) return name;
  if (stage->kind == "evaluate") return BaseOf(recipe, stage->As<EvaluateStage>().from);
  if (stage->kind == "finetune") return BaseOf(recipe, stage->As<FinetuneStage>().from);
  return name;
}

// Decoder K/V heads in one word: "8", or "self 4, cross 2" where the sites or layers differ.
std::string HeadsText(const T5Config& config) {
  const auto site = [](const std::vector<int64_t>& heads) {
    const std::set<int64_t> kinds(heads.begin(), heads.end());
    return kinds.size() == 1 ? absl::StrCat(*kinds.begin())
                             : absl::StrCat("[", absl::StrJoin(heads, " "), "]");
  };
  const std::string self = site(config.kv_heads.decoder_self), cross = site(config.kv_heads.cross);
  return self == cross ? self : absl::StrCat("self ", self, ", cross ", cross);
}

std::string Label(const T5Config& config) {
  return HeadsLabel(HeadsText(config), config.num_heads);
}

class Comparison {
 public:
  explicit Comparison(const StageContext& context)
      : context_(context), stage_(context.stage->As<CompareStage>()), recipe_(*context.recipe) {}

  absl::StatusOr<Json> Make() {
    Json json = Json::object();
    json["rows"] = Json::array();
    for (const std::string& name : stage_.rows)
      REGROUP_RETURN_IF_ERROR(AddEvaluation(name, json["rows"]));
    json["bench"] = nullptr;
    if (!stage_.bench.empty()) {
      json["bench"] = ConfigToJson(recipe_.Find(stage_.bench)->As<BenchStage>());
      json["bench"]["precision"] =
          recipe_.Find(stage_.bench)->As<BenchStage>().precision.value_or("fp32");
      REGROUP_RETURN_IF_ERROR(AddBench(json["rows"]));
    }
    REGROUP_ASSIGN_OR_RETURN(json["recovery"], Recovery());
    return json;
  }

 private:
  absl::StatusOr<T5Config> ConfigOf(const std::string& name) const {
    REGROUP_ASSIGN_OR_RETURN(const std::string folder, context_.ModelFolder(name));
    return LoadHfConfig(folder);
  }

  absl::StatusOr<Json> NewRow(const std::string& base) const {
    REGROUP_ASSIGN_OR_RETURN(const T5Config config, ConfigOf(base));
    const auto bytes = [&](const std::vector<int64_t>& heads) {
      return KvBytesPerPosition(heads, config.d_kv, 4);
    };
    return Json{{"name", base},
                {"label", Label(config)},
                {"kv_heads", HeadsText(config)},
                {"parameters", CountParameters(config)},
                {"kv_bytes_per_position",
                 bytes(config.kv_heads.decoder_self) + bytes(config.kv_heads.cross)},
                {"tasks", Json::object()},
                {"bench", nullptr}};
  }

  absl::Status AddEvaluation(const std::string& name, Json& rows) const {
    const auto& evaluate = recipe_.Find(name)->As<EvaluateStage>();
    const std::string base = BaseOf(recipe_, name);
    auto row = std::find_if(rows.begin(), rows.end(),
                            [&](const Json& one) { return one["name"] == base; });
    if (row == rows.end()) {
      REGROUP_ASSIGN_OR_RETURN(Json fresh, NewRow(base));
      rows.push_back(std::move(fresh));
      row = rows.end() - 1;
    }
    REGROUP_ASSIGN_OR_RETURN(const Json result, context_.ResultOf(name));
    const std::string metric = DefaultKeepBest(ToTaskConfig(recipe_.task_files.at(evaluate.task)));
    const auto value = [&](const char* part) {
      return result.contains(part) ? result[part].value(metric, Json()) : Json();
    };
    (*row)["tasks"][evaluate.task] = {{"metric", metric},
                                      {"value", value("metrics")},
                                      {"interval", value("interval")},
                                      {"shuffled", value("shuffled")},
                                      {"shuffled_interval", value("shuffled_interval")},
                                      {"loss", result.value("loss", Json())},
                                      {"rows", result.value("rows", Json())}};
    return absl::OkStatus();
  }

  // Times of the row's model, or of one that was fine-tuned from it: they have the same shape.
  absl::Status AddBench(Json& rows) const {
    REGROUP_ASSIGN_OR_RETURN(const Json result, context_.ResultOf(stage_.bench));
    const std::vector<std::string>& timed = recipe_.Find(stage_.bench)->As<BenchStage>().from;
    for (Json& row : rows) {
      const auto found = std::find_if(timed.begin(), timed.end(), [&](const std::string& from) {
        return BaseOf(recipe_, from) == row["name"].get<std::string>();
      });
      if (found != timed.end())
        row["bench"] = result["models"][static_cast<size_t>(found - timed.begin())];
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Json> Recovery() const {
    if (stage_.recovery.empty()) return Json(nullptr);
    std::set<double> alphas;
    for (const std::string& name : stage_.recovery) {
      const auto& at = recipe_.Find(name)->As<UptrainStage>().evaluate_at;
      alphas.insert(at.begin(), at.end());
    }
    Json json = {{"alphas", alphas}, {"rows", Json::array()}};
    std::vector<RecoveryCurve> curves;
    for (const std::string& name : stage_.recovery) {
      REGROUP_ASSIGN_OR_RETURN(const T5Config config, ConfigOf(name));
      REGROUP_ASSIGN_OR_RETURN(const Json result, context_.ResultOf(name));
      Json losses = Json::array();
      for (const double alpha : alphas) losses.push_back(LossAt(result["recovery"], alpha));
      const std::string label =
          Label(config) == "MHA" ? "MHA, the parent trained as long" : Label(config);
      json["rows"].push_back({{"name", name}, {"label", label}, {"loss", losses}});
      curves.push_back(Curve(name, Label(config), result["recovery"]));
    }
    json["ways"] = RecoveryWaysJson(RecoveryWays(curves));
    return json;
  }

  RecoveryCurve Curve(const std::string& name, const std::string& label,
                      const Json& recovery) const {
    const Stage& uptrain = *recipe_.Find(name);
    const Stage* source = recipe_.Find(uptrain.As<UptrainStage>().from);
    return MakeRecoveryCurve(
        name, label, StageConfigToJson(uptrain.config, true), source == nullptr ? "" : source->kind,
        source == nullptr ? Json() : StageConfigToJson(source->config, true), recovery);
  }

  static Json LossAt(const Json& recovery, double alpha) {
    for (const Json& point : recovery) {
      if (point["alpha"].get<double>() == alpha) return point["loss"];
    }
    return nullptr;
  }

  const StageContext& context_;
  const CompareStage& stage_;
  const Recipe& recipe_;
};

}  // namespace

absl::StatusOr<Json> RunCompare(const StageContext& context) {
  REGROUP_ASSIGN_OR_RETURN(const Json comparison, Comparison(context).Make());
  REGROUP_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(context.folder(), "table.json"), DumpJsonPretty(comparison)));
  REGROUP_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(context.folder(), "table.txt"), ComparisonText(comparison)));
  return Json{{"table", "table.txt"}};
}

}  // namespace regroup
