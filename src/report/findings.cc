// Puts the results of stages together: see findings.h.
#include "report/findings.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "core/files.h"
#include "report/heads.h"
#include "report/json_fields.h"

namespace regroup {
namespace {

constexpr char kHeldOutLoss[] = "heldout_loss";

// Rows of the tables that compare stages wrote, by model.
std::map<std::string, Json> ComparedRows(const RunRecord& run) {
  std::map<std::string, Json> rows;
  for (const StageRecord& stage : run.stages) {
    if (stage.kind != "compare" || stage.state != StageState::kDone) continue;
    const auto table = ReadConfigFile(JoinPath(stage.folder, "table.json"));
    if (!table.ok()) continue;
    const Json& listed = FieldOf(*table, "rows");
    for (const Json& row : listed.is_array() ? listed : Json::array()) {
      if (!TextOf(row, "name").empty()) rows[TextOf(row, "name")] = row;
    }
  }
  return rows;
}

double ParametersOf(const RunRecord& run, const std::string& name) {
  const StageRecord* stage = run.Find(name);
  for (size_t hops = 0; stage != nullptr && hops <= run.stages.size(); ++hops) {
    if (stage->kind == "convert") return NumberOf(stage->result, "parameters_after");
    if (stage->kind == "pretrain") break;
    stage = run.Find(TextOf(stage->config, "from"));
  }
  for (const StageRecord& convert : run.stages) {  // its child knows what it had
    if (stage != nullptr && convert.kind == "convert" &&
        TextOf(convert.config, "from") == stage->name) {
      return NumberOf(convert.result, "parameters_before");
    }
  }
  return kUnknown;
}

// Stages of `kind` that compare stages name under `key`, in their order; without compare stages all
// of that kind.
std::vector<std::string> Chosen(const RunRecord& run, const std::string& kind,
                                const std::string& key) {
  std::vector<std::string> chosen;
  bool compared = false;
  const auto add = [&](const Json& name) {
    if (name.is_string() && std::find(chosen.begin(), chosen.end(), name) == chosen.end())
      chosen.push_back(name.get<std::string>());
  };
  for (const StageRecord& stage : run.stages) {
    if (stage.kind != "compare" || !stage.config.is_object()) continue;
    compared = true;
    const Json& named = FieldOf(stage.config, key);
    if (!named.is_array()) add(named);
    for (const Json& name : named.is_array() ? named : Json::array()) add(name);
  }
  for (const StageRecord& stage : run.stages) {
    if (!compared && stage.kind == kind) chosen.push_back(stage.name);
  }
  return chosen;
}

std::pair<double, double> IntervalOf(const Json& result, const std::string& key,
                                     const std::string& metric) {
  const Json& interval = FieldOf(FieldOf(result, key), metric);
  if (!interval.is_array() || interval.size() != 2) return {kUnknown, kUnknown};
  return {NumberOf(interval[0]), NumberOf(interval[1])};
}

TaskScore ScoreOf(const StageRecord& stage) {
  TaskScore score;
  const Json& result = stage.result;
  score.stage = stage.name;
  score.task = TextOf(stage.config, "task");
  score.split = TextOf(stage.config, "split");
  score.metric = HeadlineMetric(stage);
  score.value = NumberOf(FieldOf(result, "metrics"), score.metric);
  std::tie(score.low, score.high) = IntervalOf(result, "interval", score.metric);
  score.shuffled = NumberOf(FieldOf(result, "shuffled"), score.metric);
  std::tie(score.shuffled_low, score.shuffled_high) =
      IntervalOf(result, "shuffled_interval", score.metric);
  score.loss = NumberOf(result, "loss");
  score.rows = NumberOf(result, "rows");
  score.truncated_inputs = NumberOf(result, "truncated_inputs");
  score.at_length_limit = NumberOf(result, "at_length_limit");
  score.empty_outputs = NumberOf(result, "empty_outputs");
  return score;
}

Timing TimingOf(const std::string& bench, const Json& model) {
  const Json& step = FieldOf(model, "step_ms");
  return {bench,
          NumberOf(model, "batch"),
          NumberOf(model, "source"),
          NumberOf(model, "target"),
          TextOf(model, "precision"),
          NumberOf(model, "ms_per_sample"),
          NumberOf(model, "encoder_ms"),
          NumberOf(step, "median"),
          NumberOf(step, "p10"),
          NumberOf(step, "p90"),
          NumberOf(model, "floor_step_ms"),
          NumberOf(model, "tokens_per_second"),
          NumberOf(model, "kv_bytes"),
          NumberOf(model, "kv_bytes_per_position"),
          NumberOf(model, "peak_rss_bytes")};
}

class Gatherer {
 public:
  explicit Gatherer(const RunRecord& run) : run_(run), compared_(ComparedRows(run)) {}

  Findings Gather() {
    for (const std::string& name : Chosen(run_, "evaluate", "rows")) AddScore(name);
    for (const std::string& name : Chosen(run_, "bench", "bench")) AddTimings(name);
    for (const std::string& name : Chosen(run_, "uptrain", "recovery")) AddRecovery(name);
    TellApart();
    return std::move(found_);
  }

 private:
  ModelFindings& Model(const std::string& stage) {
    for (ModelFindings& model : found_.models) {
      if (model.stage == stage) return model;
    }
    const Heads heads = HeadsOfModel(run_, stage);
    const Json& row = compared_[stage];
    const std::string label = heads.label.empty() ? TextOf(row, "label") : heads.label;
    double parameters = NumberOf(row, "parameters");
    if (std::isnan(parameters)) parameters = ParametersOf(run_, stage);
    found_.models.push_back({stage,
                             label.empty() ? stage : label,
                             heads.text.empty() ? TextOf(row, "kv_heads") : heads.text,
                             parameters,
                             NumberOf(row, "kv_bytes_per_position"),
                             {},
                             {}});
    return found_.models.back();
  }

  void AddScore(const std::string& name) {
    const StageRecord* stage = run_.Find(name);
    if (stage == nullptr || !FieldOf(stage->result, "metrics").is_object()) return;
    ModelFindings& model = Model(BaseModel(run_, name));
    model.scores.push_back(ScoreOf(*stage));
    if (std::isnan(model.kv_bytes_per_position))
      model.kv_bytes_per_position = NumberOf(stage->result, "kv_bytes_per_position");
  }

  void AddTimings(const std::string& name) {
    const StageRecord* stage = run_.Find(name);
    if (stage == nullptr) return;
    const Json& timed = FieldOf(stage->config, "from");
    const Json& models = FieldOf(stage->result, "models");
    if (!timed.is_array() || !models.is_array()) return;
    for (size_t i = 0; i < std::min(timed.size(), models.size()); ++i) {
      if (!timed[i].is_string()) continue;
      ModelFindings& model = Model(BaseModel(run_, timed[i].get<std::string>()));
      model.timings.push_back(TimingOf(name, models[i]));
      if (std::isnan(model.kv_bytes_per_position))
        model.kv_bytes_per_position = model.timings.back().kv_bytes_per_position;
    }
  }

  void AddRecovery(const std::string& name) {
    const StageRecord* stage = run_.Find(name);
    if (stage == nullptr) return;
    const StageRecord* source = run_.Find(TextOf(stage->config, "from"));
    const Json& listed = FieldOf(stage->result, "recovery");
    RecoveryCurve curve = MakeRecoveryCurve(name, HeadsOfModel(run_, name).label, stage->config,
                                            source == nullptr ? "" : source->kind,
                                            source == nullptr ? Json() : source->config, listed);
    if (!listed.is_array()) AddValidations(*stage, curve);
    if (!curve.points.empty()) found_.recovery.push_back(std::move(curve));
  }

  static void AddValidations(const StageRecord& stage, RecoveryCurve& curve) {
    const double original = NumberOf(FieldOf(stage.inputs, "inherited"), "original_steps");
    for (const LoggedValidation& logged : stage.log.validations) {
      const auto loss = logged.values.find(kHeldOutLoss);
      if (loss == logged.values.end() || !(original > 0)) continue;
      const auto step = static_cast<double>(logged.step);
      curve.points.push_back({step / original, step, loss->second});
    }
  }

  // Two models of one shape (two ways of merging, say) are told apart by their stages.
  void TellApart() {
    std::map<std::string, int> models;
    for (const ModelFindings& model : found_.models) ++models[model.label];
    for (ModelFindings& model : found_.models) {
      if (models[model.label] > 1) absl::StrAppend(&model.label, " ", model.stage);
    }
  }

  const RunRecord& run_;
  std::map<std::string, Json> compared_;
  Findings found_;
};

}  // namespace

Findings FindingsOf(const RunRecord& run) { return Gatherer(run).Gather(); }

std::string BaseModel(const RunRecord& run, const std::string& name) {
  std::string base = name;
  for (size_t hops = 0; hops <= run.stages.size(); ++hops) {
    const StageRecord* stage = run.Find(base);
    if (stage == nullptr || (stage->kind != "evaluate" && stage->kind != "finetune")) return base;
    base = TextOf(stage->config, "from");
  }
  return base;
}

std::string HeadlineMetric(const StageRecord& stage) {
  const Json& metrics = FieldOf(FieldOf(stage.inputs, "task"), "metrics");
  const Json& values = FieldOf(stage.result, "metrics");
  const std::string first =
      metrics.is_array() && !metrics.empty() && metrics[0].is_string() ? metrics[0] : "";
  if (first == "rouge") return "rouge1";
  if (first == "squad" || first == "trivia_qa") return "f1";
  if (!first.empty()) return first;
  return values.is_object() && !values.empty() ? values.begin().key() : "";
}

std::string TaskName(const TaskScore& score) {
  return score.split.empty() || score.split == "test" ? score.task
                                                      : absl::StrCat(score.task, "/", score.split);
}

std::vector<std::string> TasksOf(const std::vector<ModelFindings>& models) {
  std::vector<std::string> tasks;
  for (const ModelFindings& model : models) {
    for (const TaskScore& score : model.scores) {
      if (std::find(tasks.begin(), tasks.end(), TaskName(score)) == tasks.end())
        tasks.push_back(TaskName(score));
    }
  }
  return tasks;
}

double AverageScore(const ModelFindings& model, const std::vector<std::string>& tasks) {
  double sum = 0;
  std::set<std::string> seen;
  for (const TaskScore& score : model.scores) {
    if (!seen.insert(TaskName(score)).second) return kUnknown;
    sum += score.value;
  }
  return seen.size() == tasks.size() && !tasks.empty() ? sum / static_cast<double>(tasks.size())
                                                       : kUnknown;
}

}  // namespace regroup
