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

  void CheckModelSource(const std::string& from) {
    CheckReference("from", from, {"pretrain", "convert", "uptrain", "finetune"}, true);
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

  void CheckHeldOut(const HeldOutConfig& validate, const SpanCorruptionConfig* data) {
    CheckCorpus("validate.corpus", validate.corpus);
    if (data == nullptr) return;
    if (data->mixture.contains(validate.corpus) || data->mixture.empty()) {
      Add("validate.corpus",
          absl::StrCat("\"", validate.corpus,
                       "\" is also trained on; name the training corpora in data.mixture, ",
                       "without the held-out one"));
    }
  }

  void CheckBatch(const BatchConfig& batch) {
    if (batch.micro_batch > 0 && batch.examples % batch.micro_batch != 0) {
      Add("batch.micro_batch",
          absl::StrCat("found ", batch.micro_batch, ", expected a divisor of examples (",
                       batch.examples, ")"));
    }
  }

  const TaskEntry* CheckTaskName(const std::string& name) {
    const auto found = recipe_.head.tasks.find(name);
    if (found != recipe_.head.tasks.end()) return &found->second;
    std::vector<std::string> known;
    for (const auto& [task, entry] : recipe_.head.tasks) known.push_back(task);
    if (!name.empty())
      Add("task", absl::StrCat("there is no task \"", name, "\"", DidYouMean(name, known)));
    return nullptr;
  }

  void Check(const PretrainStage& stage) {
    CheckData(stage.data);
    CheckBatch(stage.batch);
    if (stage.validate.has_value()) CheckHeldOut(*stage.validate, &stage.data);
  }

  void Check(const ConvertStage& stage) {
    CheckModelSource(stage.from);
    if (SitesOf(stage.convert).empty()) Add("sites", "is empty: nothing would be converted");
  }

  void Check(const UptrainStage& stage) {
    CheckModelSource(stage.from);
    if (stage.data.has_value()) CheckData(*stage.data);
    if (stage.batch.has_value()) CheckBatch(*stage.batch);
    if (stage.validate.has_value())
      CheckHeldOut(*stage.validate, stage.data.has_value() ? &*stage.data : nullptr);
    for (const double share : stage.evaluate_at) {
      if (share > stage.alpha + 1e-12) {
        Add("evaluate_at",
            absl::StrCat(share * 100, "% is beyond alpha (", stage.alpha * 100, "%)"));
      }
    }
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
    const auto file = recipe_.task_files.find(stage.task);
    if (!stage.keep_best.has_value() || file == recipe_.task_files.end()) return;
    std::vector<std::string> keys = MetricKeys(file->second);
    keys.push_back("loss");
    if (std::find(keys.begin(), keys.end(), *stage.keep_best) == keys.end()) {
      Add("keep_best", absl::StrCat("found \"", *stage.keep_best, "\", expected one of ",
                                    absl::StrJoin(keys, ", "), DidYouMean(*stage.keep_best, keys)));
    }
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
    if (stage.rows.empty()) Add("rows", "is empty: the table would have no row");
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
  }

  const Recipe& recipe_;
  Problems& problems_;
  const Stage* stage_ = nullptr;
};

}  // namespace

void CheckRecipe(const Recipe& recipe, Problems& problems) { Checker(recipe, problems).Run(); }

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
