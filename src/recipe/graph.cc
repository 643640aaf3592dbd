// What can be said about a recipe without opening data or models.
#include "recipe/graph.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "recipe/stage_kinds.h"

namespace regroup {
namespace {

class Checker {
 public:
  Checker(const Recipe& recipe, Problems& problems) : recipe_(recipe), problems_(problems) {}

  void Run() {
    CheckTokenizer();
    for (const auto& [name, entry] : recipe_.head.tasks) CheckTask(name, entry);
    for (const Stage& stage : recipe_.stages) {
      stage_ = &stage;
      std::visit([this](const auto& config) { Check(config); }, stage.config);
    }
  }

 private:
  void Add(const std::string& key, const std::string& message) {
    problems_.Add(Problem{absl::StrCat(stage_->Place(), ".", stage_->kind, ".", key), message});
  }

  void CheckTokenizer() {
    const TokenizerConfig& tokenizer = recipe_.head.tokenizer;
    const Node* node = recipe_.tree.Find("tokenizer");
    const Mark mark = node != nullptr ? node->mark : recipe_.tree.mark;
    if (tokenizer.train.has_value() && !tokenizer.path.empty()) {
      problems_.Add(mark, "tokenizer", "both train and path are given; keep one");
    }
    const bool pretrains = std::any_of(recipe_.stages.begin(), recipe_.stages.end(),
                                       [](const Stage& stage) { return stage.kind == "pretrain"; });
    if (pretrains && !tokenizer.train.has_value() && tokenizer.path.empty()) {
      problems_.Add(mark, "tokenizer",
                    "pretrain needs a vocabulary: give tokenizer.train or tokenizer.path");
    }
  }

  void CheckTask(const std::string& name, const TaskEntry& entry) {
    const Node* tasks = recipe_.tree.Find("tasks");
    const Node* node = tasks != nullptr ? tasks->Find(name) : nullptr;
    const Mark mark = node != nullptr ? node->mark : recipe_.tree.mark;
    const auto same = [&](const std::string& a, const std::string& b, const std::string& what) {
      if (!a.empty() && a == b)
        problems_.Add(mark, absl::StrCat("tasks.", name), absl::StrCat(what, " are one file: ", a));
    };
    same(entry.dev, entry.test, "dev and test");
    same(entry.train, entry.test, "train and test");
    same(entry.train, entry.dev, "train and dev");
  }

  // `from` and its like: a stage of one of `kinds`, or a folder where `folders`.
  void CheckReference(const std::string& key, const std::string& name,
                      const std::set<std::string>& kinds, bool folders) {
    if (name.empty()) return;
    if (IsFolderReference(name)) {
      if (!folders)
        Add(key, absl::StrCat("found the folder \"", name, "\", expected a stage's name"));
      return;
    }
    const Stage* source = recipe_.Find(name);
    if (source == nullptr) {
      Add(key,
          absl::StrCat("there is no stage \"", name, "\"", DidYouMean(name, recipe_.StageNames()),
                       folders ? "; a folder is written with a /" : ""));
    } else if (!kinds.contains(source->kind)) {
      Add(key, absl::StrCat("the stage \"", name, "\" is of kind ", source->kind, ", expected ",
                            absl::StrJoin(kinds, ", ")));
    }
  }

  void CheckModelSource(const std::string& from, const std::string& key = "from") {
    const std::set<std::string> kinds = {"pretrain", "convert", "uptrain", "finetune"};
    if (IsFolderReference(from)) return CheckReference(key, from, kinds, true);
    CheckReference(key, ParseStageReference(from).stage, kinds, true);
    CheckStep(from, key);
  }

  // NAME@STEP: a checkpoint that pre-training writes and keeps.
  void CheckStep(const std::string& from, const std::string& key) {
    const StageReference reference = ParseStageReference(from);
    const Stage* source = recipe_.Find(reference.stage);
    if (!reference.step.has_value() || source == nullptr) return;
    if (source->kind != "pretrain") {
      Add(key, absl::StrCat("found \"", from, "\", but ", reference.stage, " is of kind ",
                            source->kind, ": a step can be named of pretrain stages only"));
      return;
    }
    const auto& stage = source->As<PretrainStage>();
    const auto divides = [&](int64_t every) { return every > 0 && *reference.step % every == 0; };
    const bool inside = *reference.step >= 1 && *reference.step <= stage.steps;
    if (inside && divides(stage.save.every) && divides(stage.save.keep_every)) return;
    Add(key, absl::StrCat("found \"", from, "\", expected a step up to ", stage.steps,
                          " that is a multiple of that stage's save.every (", stage.save.every,
                          ") and save.keep_every (", stage.save.keep_every, ")"));
  }

  void CheckCorpus(const std::string& key, const std::string& name) {
    if (recipe_.head.corpora.contains(name)) return;
    std::vector<std::string> known;
    for (const auto& [corpus, config] : recipe_.head.corpora) known.push_back(corpus);
    Add(key, absl::StrCat("there is no corpus \"", name, "\"", DidYouMean(name, known)));
  }

  void CheckData(const SpanCorruptionConfig& data) {
    double sum = 0;
    for (const auto& [name, weight] : data.mixture) {
      CheckCorpus("data.mixture", name);
      if (weight < 0)
        Add("data.mixture", absl::StrCat(name, " has the weight ", weight, ", expected 0 or more"));
      sum += weight;
    }
    if (!data.mixture.empty() && sum <= 0) Add("data.mixture", "all weights are 0");
    if (recipe_.head.corpora.empty()) Add("data", "the recipe has no corpora");
  }

  void CheckValidation(const ValidationConfig& validate, const SpanCorruptionConfig* data) {
    if (validate.corpus.empty() && validate.tasks.empty())
      Add("validate", "names neither a corpus nor tasks: nothing would be validated");
    for (const std::string& corpus : validate.corpus) CheckHeldOut(corpus, data);
    for (const std::string& task : validate.tasks) CheckDevTask("validate.tasks", task);
    CheckTwice("validate.corpus", validate.corpus);
    CheckTwice("validate.tasks", validate.tasks);
  }

  void CheckHeldOut(const std::string& corpus, const SpanCorruptionConfig* data) {
    CheckCorpus("validate.corpus", corpus);
    if (data == nullptr) return;
    if (data->mixture.contains(corpus) || data->mixture.empty()) {
      Add("validate.corpus",
          absl::StrCat("\"", corpus,
                       "\" is also trained on; name the training corpora in data.mixture, ",
                       "without the held-out one"));
    }
  }

  void CheckDevTask(const std::string& key, const std::string& name) {
    const TaskEntry* entry = CheckTaskName(name, key);
    if (entry != nullptr && entry->dev.empty())
      Add(key, absl::StrCat("the task \"", name, "\" has no dev file"));
  }

  void CheckTwice(const std::string& key, const std::vector<std::string>& names) {
    std::set<std::string> seen;
    for (const std::string& name : names) {
      if (!seen.insert(name).second) Add(key, absl::StrCat("names \"", name, "\" twice"));
    }
  }

  // The names that the task `name` reports on dev, each behind `prefix`.
  std::vector<std::string> DevNames(const std::string& name, const std::string& prefix) const {
    const auto file = recipe_.task_files.find(name);
    if (file == recipe_.task_files.end()) return {};
    std::vector<std::string> names = {prefix + "loss"};
    for (const std::string& key : MetricKeys(file->second)) names.push_back(prefix + key);
    return names;
  }

  std::vector<std::string> ValidationNames(const std::optional<ValidationConfig>& validate) const {
    std::vector<std::string> names;
    if (!validate.has_value()) return names;
    for (const std::string& corpus : validate->corpus)
      names.push_back(HeldOutName(*validate, corpus));
    for (const std::string& task : validate->tasks) {
      for (std::string& name : DevNames(task, task + "/")) names.push_back(std::move(name));
    }
    return names;
  }

  void CheckKeepBest(const std::vector<std::string>& keep_best,
                     const std::vector<std::string>& known) {
    for (const std::string& name : keep_best) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      Add("keep_best",
          absl::StrCat("found \"", name, "\", expected one of ",
                       known.empty() ? "what validate reports, but there is no validate"
                                     : absl::StrJoin(known, ", "),
                       DidYouMean(name, known)));
    }
    CheckTwice("keep_best", keep_best);
  }

  void CheckBatch(const BatchConfig& batch) {
    if (batch.micro_batch > 0 && batch.examples % batch.micro_batch != 0) {
      Add("batch.micro_batch",
          absl::StrCat("found ", batch.micro_batch, ", expected a divisor of examples (",
                       batch.examples, ")"));
    }
  }

  const TaskEntry* CheckTaskName(const std::string& name, const std::string& key = "task") {
    const auto found = recipe_.head.tasks.find(name);
    if (found != recipe_.head.tasks.end()) return &found->second;
    std::vector<std::string> known;
    for (const auto& [task, entry] : recipe_.head.tasks) known.push_back(task);
    if (!name.empty())
      Add(key, absl::StrCat("there is no task \"", name, "\"", DidYouMean(name, known)));
    return nullptr;
  }

  void Check(const PretrainStage& stage) {
    CheckData(stage.data);
    CheckBatch(stage.batch);
    if (stage.validate.has_value()) CheckValidation(*stage.validate, &stage.data);
    CheckKeepBest(stage.keep_best, ValidationNames(stage.validate));
    if (stage.early_stopping.patience > 0 && stage.keep_best.empty())
      Add("early_stopping", "needs keep_best, which says what has to improve");
  }

  void Check(const CalibrateStage& stage) {
    CheckModelSource(stage.from);
    if (stage.data.has_value()) CheckData(*stage.data);
    if (recipe_.head.corpora.empty()) Add("data", "the recipe has no corpora");
  }

  void Check(const ConvertStage& stage) {
    CheckModelSource(stage.from);
    CheckReference("calibration", stage.calibration, {"calibrate"}, true);
    CheckCalibration(stage);
    if (stage.convert.kv_budget.has_value() != stage.convert.kv_heads.is_null())
      Add("kv_heads",
          stage.convert.kv_budget.has_value()
              ? "stands beside kv_budget; keep one"
              : "is missing; expected G, or {site: G or [G per layer]}, or a kv_budget");
    if (stage.convert.kv_budget.has_value() && stage.convert.method == "random")
      Add("kv_budget",
          "chooses heads by what merging costs, and method random draws them; give "
          "kv_heads");
    if (SitesOf(stage.convert).empty()) Add("sites", "is empty: nothing would be converted");
  }

  void CheckCalibration(const ConvertStage& stage) {
    if (stage.calibration.empty()) {
      if (MergeWeighs(stage.convert.method))
        Add("method", absl::StrCat(stage.convert.method,
                                   " weighs by statistics of the source; name the calibrate stage "
                                   "that measures them (calibration)"));
      if (stage.refine.refit || stage.refine.local_distillation.steps > 0)
        Add("calibration", "is missing: refit and local_distillation work on its rows");
      if (stage.convert.kv_budget.has_value())
        Add("calibration", "is missing: kv_budget chooses heads by what merging costs on its rows");
      return;
    }
    const Stage* calibrate = recipe_.Find(stage.calibration);
    if (calibrate == nullptr || calibrate->kind != "calibrate") return;
    const std::string& measured = calibrate->As<CalibrateStage>().from;
    if (measured != stage.from)
      Add("calibration", absl::StrCat("\"", stage.calibration, "\" measures ", measured,
                                      ", but this stage converts ", stage.from));
  }

  void Check(const UptrainStage& stage) {
    CheckModelSource(stage.from);
    if (stage.data.has_value()) CheckData(*stage.data);
    if (stage.batch.has_value()) CheckBatch(*stage.batch);
    if (stage.validate.has_value())
      CheckValidation(*stage.validate, stage.data.has_value() ? &*stage.data : nullptr);
    CheckKeepBest(stage.keep_best, ValidationNames(ValidationOf(recipe_, stage_->name)));
    for (const double share : stage.evaluate_at) {
      if (share > stage.alpha + 1e-12) {
        Add("evaluate_at",
            absl::StrCat(share * 100, "% is beyond alpha (", stage.alpha * 100, "%)"));
      }
    }
    if (stage.distillation.has_value())
      CheckModelSource(stage.distillation->teacher, "distillation.teacher");
    CheckModelSource(stage.learned_merge, "learned_merge");
    CheckLearnedMerge(stage);
  }

  // What the weights of a merge are learned of is what the conversion began with.
  void CheckLearnedMerge(const UptrainStage& stage) {
    const Stage* source = recipe_.Find(stage.from);
    if (stage.learned_merge.empty() || source == nullptr) return;
    if (source->kind == "convert") {
      const auto& convert = source->As<ConvertStage>();
      const bool only_mean =
          convert.convert.method == "mean" && convert.refine.local_distillation.steps == 0;
      if (only_mean && convert.from == stage.learned_merge) return;
    }
    Add("learned_merge",
        absl::StrCat("found \"", stage.learned_merge, "\", but ", stage.from,
                     " is not its heads' mean; expected a conversion of ", stage.learned_merge,
                     " by method: mean, without local_distillation, under `from`"));
  }

  void Check(const FinetuneStage& stage) {
    CheckModelSource(stage.from);
    CheckBatch(stage.batch);
    const TaskEntry* entry = CheckTaskName(stage.task);
    if (entry == nullptr) return;
    if (entry->train.empty())
      Add("task", absl::StrCat("the task \"", stage.task, "\" has no train file"));
    if (entry->dev.empty())
      Add("task", absl::StrCat("the task \"", stage.task,
                               "\" has no dev file to choose the checkpoint by"));
    std::vector<std::string> names = DevNames(stage.task, "");
    for (const std::string& task : stage.validate_tasks) {
      CheckDevTask("validate_tasks", task);
      if (task == stage.task)
        Add("validate_tasks", absl::StrCat("\"", task, "\" is the task itself; remove it"));
      for (std::string& name : DevNames(task, task + "/")) names.push_back(std::move(name));
    }
    CheckTwice("validate_tasks", stage.validate_tasks);
    if (recipe_.task_files.contains(stage.task)) CheckKeepBest(stage.keep_best, names);
  }

  void Check(const EvaluateStage& stage) {
    CheckModelSource(stage.from);
    const TaskEntry* entry = CheckTaskName(stage.task);
    if (entry != nullptr && (stage.split == "dev" ? entry->dev : entry->test).empty()) {
      Add("split", absl::StrCat("the task \"", stage.task, "\" has no ", stage.split, " file"));
    }
  }

  void Check(const ExportStage& stage) { CheckModelSource(stage.from); }

  void Check(const BenchStage& stage) {
    if (stage.from.empty()) Add("from", "is empty: nothing would be timed");
    for (const std::string& name : stage.from) CheckModelSource(name);
  }

  void Check(const CompareStage& stage) {
    if (stage.rows.empty() && stage.recovery.empty())
      Add("rows", "is empty, and so is recovery: the table would have no row");
    if (stage.rows.empty() && !stage.bench.empty())
      Add("bench", "has no effect without rows: its times stand beside their quality");
    for (const std::string& name : stage.rows) CheckReference("rows", name, {"evaluate"}, false);
    CheckReference("bench", stage.bench, {"bench"}, false);
    for (const std::string& name : stage.recovery) CheckRecovery(name);
  }

  void CheckRecovery(const std::string& name) {
    CheckReference("recovery", name, {"uptrain"}, false);
    const Stage* source = recipe_.Find(name);
    if (source == nullptr || source->kind != "uptrain") return;
    if (source->As<UptrainStage>().evaluate_at.empty()) {
      Add("recovery",
          absl::StrCat("the stage \"", name, "\" has no evaluate_at, so there is nothing to show"));
    }
    CheckSelfTaught(name, source->As<UptrainStage>());
  }

  // What soft targets are worth by themselves is seen where the teacher learns from itself as long.
  void CheckSelfTaught(const std::string& name, const UptrainStage& student) {
    if (!student.distillation.has_value() || student.from == student.distillation->teacher) return;
    const Json how = ConfigToJson(*student.distillation);
    for (const std::string& other : stage_->As<CompareStage>().recovery) {
      const Stage* stage = recipe_.Find(other);
      if (stage == nullptr || stage->kind != "uptrain") continue;
      const auto& parent = stage->As<UptrainStage>();
      if (parent.distillation.has_value() && parent.from == student.distillation->teacher &&
          parent.data_seed == student.data_seed && ConfigToJson(*parent.distillation) == how)
        return;
    }
    Add("recovery",
        absl::StrCat(
            "\"", name, "\" learns from ", student.distillation->teacher,
            ": name beside it an uptrain stage of that model that learns from itself (from "
            "and distillation.teacher: ",
            student.distillation->teacher,
            ", the same data_seed and distillation); most of what soft targets gain, they "
            "gain there too"));
  }

  const Recipe& recipe_;
  Problems& problems_;
  const Stage* stage_ = nullptr;
};

}  // namespace

void CheckRecipe(const Recipe& recipe, Problems& problems) { Checker(recipe, problems).Run(); }

std::optional<ValidationConfig> ValidationOf(const Recipe& recipe, const std::string& name) {
  std::string at = name;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {  // bounded: stages may still form a circle
    const Stage* stage = recipe.Find(ParseStageReference(at).stage);
    if (stage == nullptr) return std::nullopt;
    if (stage->kind == "pretrain") return stage->As<PretrainStage>().validate;
    if (stage->kind == "convert") {
      at = stage->As<ConvertStage>().from;
    } else if (stage->kind == "uptrain") {
      const auto& uptrain = stage->As<UptrainStage>();
      if (uptrain.validate.has_value()) return uptrain.validate;
      at = uptrain.from;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void OrderStages(Recipe& recipe, Problems& problems) {
  std::vector<Stage> ordered;
  std::set<std::string> names, done;
  for (const Stage& stage : recipe.stages) names.insert(stage.name);
  std::vector<Stage> waiting = recipe.stages;
  while (!waiting.empty()) {
    const auto ready = std::find_if(waiting.begin(), waiting.end(), [&](const Stage& stage) {
      return std::all_of(stage.needs.begin(), stage.needs.end(), [&](const std::string& need) {
        return done.contains(need) || !names.contains(need);
      });
    });
    if (ready == waiting.end()) break;
    done.insert(ready->name);
    ordered.push_back(std::move(*ready));
    waiting.erase(ready);
  }
  for (const Stage& stage : waiting) {
    problems.Add(
        Problem{stage.Place(), absl::StrCat("stages need each other in a circle; this one needs ",
                                            absl::StrJoin(stage.needs, ", "))});
  }
  if (waiting.empty()) recipe.stages = std::move(ordered);
}

}  // namespace regroup
