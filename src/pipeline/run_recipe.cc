// The order of a run: lock, compare with what is recorded, plan, then stage by stage.
#include "pipeline/run_recipe.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/clock.h"
#include "core/files.h"
#include "core/log.h"
#include "core/stop.h"
#include "pipeline/identity.h"
#include "pipeline/plan.h"
#include "pipeline/run_folder.h"
#include "pipeline/stage_functions.h"
#include "report/json_fields.h"
#include "report/report.h"

namespace regroup {
namespace {

using StageFunction = absl::StatusOr<Json> (*)(const StageContext&);

StageFunction FunctionOf(const std::string& kind) {
  static const std::map<std::string, StageFunction> functions = {
      {"pretrain", RunPretrain}, {"calibrate", RunCalibrate}, {"convert", RunConvert},
      {"uptrain", RunUptrain},   {"finetune", RunFinetune},   {"evaluate", RunEvaluate},
      {"export", RunExport},     {"bench", RunBench},         {"compare", RunCompare}};
  return functions.at(kind);
}

std::vector<std::string> NeedsOf(const Recipe& recipe, const std::string& name) {
  const Stage* stage = recipe.Find(name);
  std::vector<std::string> needs = stage != nullptr ? stage->needs : std::vector<std::string>{};
  if (stage != nullptr && TrainsTokenizer(recipe)) needs.push_back(kTokenizerStage);
  return needs;
}

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Runner {
 public:
  Runner(const Recipe& recipe, const RunOptions& options, std::ostream& out)
      : recipe_(recipe), options_(options), out_(out) {
    if (TrainsTokenizer(recipe)) names_.push_back(kTokenizerStage);
    for (const std::string& name : recipe.StageNames()) names_.push_back(name);
  }

  absl::Status Run() {
    REGROUP_RETURN_IF_ERROR(CheckNames("--only", options_.only));
    REGROUP_RETURN_IF_ERROR(CheckNames("--redo", options_.redo));
    REGROUP_RETURN_IF_ERROR(CheckRedoIsRun());
    REGROUP_RETURN_IF_ERROR(PlanRecipe(recipe_).problems.ToStatus());
    REGROUP_ASSIGN_OR_RETURN(device_, ResolveDevice(recipe_.head.device));
    REGROUP_ASSIGN_OR_RETURN(identities_, StageIdentities(recipe_));
    const std::string folder = RunFolderPath(recipe_, options_.out);
    REGROUP_RETURN_IF_ERROR(CheckNeeds(folder));
    REGROUP_ASSIGN_OR_RETURN(run_, RunFolder::Open(folder));
    REGROUP_RETURN_IF_ERROR(CheckCurrent());
    REGROUP_RETURN_IF_ERROR(Redo());
    REGROUP_RETURN_IF_ERROR(Announce());
    for (const std::string& name : names_) {
      if (!Selected(name)) continue;
      REGROUP_RETURN_IF_ERROR(RunStage(name));
    }
    REGROUP_RETURN_IF_ERROR(run_->ForgetRedo());
    Report();
    return absl::OkStatus();
  }

 private:
  absl::Status CheckNames(const std::string& flag, const std::vector<std::string>& given) const {
    for (const std::string& name : given) {
      if (std::find(names_.begin(), names_.end(), name) != names_.end()) continue;
      return UserError(flag,
                       absl::StrCat("there is no stage \"", name, "\"", DidYouMean(name, names_),
                                    "; there are ", absl::StrJoin(names_, ", ")));
    }
    return absl::OkStatus();
  }

  bool Selected(const std::string& name) const { return options_.Selects(name); }

  // With --only: the stages that run or are redone, and those that they come from.
  std::set<std::string> Concerned() const {
    std::set<std::string> concerned;
    for (auto name = names_.rbegin(); name != names_.rend(); ++name) {  // needs stand before
      if (Selected(*name) || Holds(options_.redo, *name)) concerned.insert(*name);
      if (!concerned.contains(*name)) continue;
      for (const std::string& need : NeedsOf(recipe_, *name)) concerned.insert(need);
    }
    return concerned;
  }

  absl::Status CheckRedoIsRun() const {
    for (const std::string& name : options_.redo) {
      if (Selected(name)) continue;
      return UserError("--redo", absl::StrCat(name,
                                              " would be moved aside and not run again, as --only "
                                              "leaves it out; name it there too"));
    }
    return absl::OkStatus();
  }

  // What a selected stage needs must run before it or have finished.
  absl::Status CheckNeeds(const std::string& folder) const {
    for (const std::string& name : names_) {
      if (!Selected(name)) continue;
      for (const std::string& need : NeedsOf(recipe_, name)) {
        if (Selected(need)) continue;
        const std::string stage_folder = JoinPath(folder, need);
        REGROUP_ASSIGN_OR_RETURN(const auto result, ReadStageResult(stage_folder));
        if (result.has_value()) continue;
        return UserError(stage_folder,
                         absl::StrCat("the stage ", need, ", which ", name,
                                      " needs, has not finished; run it first (without --only all "
                                      "stages run)"));
      }
    }
    return absl::OkStatus();
  }

  // Is moved aside: named by --redo, or made from what is.
  bool ToBeRedone(const std::string& name) const {
    const std::vector<std::string> needs = NeedsOf(recipe_, name);
    return (Holds(options_.redo, name) && !resumes_redo_) ||
           std::any_of(needs.begin(), needs.end(),
                       [&](const std::string& need) { return redo_.contains(need); });
  }

  // Finds changed stages; those that nobody asked to redo are an error, before anything runs.
  absl::Status CheckCurrent() {
    REGROUP_ASSIGN_OR_RETURN(const std::vector<std::string> pending, run_->PendingRedo());
    resumes_redo_ = !options_.redo.empty() && pending == options_.redo;
    const std::set<std::string> concerned = Concerned();
    std::string changes;
    std::vector<std::string> stale;
    for (const std::string& name : names_) {
      const std::string folder = run_->StageFolder(name);
      if (FileExists(folder))
        return UserError(folder, "is a file where the stage's folder belongs; move it away");
      if (!FolderExists(folder)) continue;
      if (ToBeRedone(name)) {
        redo_.insert(name);
        continue;
      }
      if (!concerned.contains(name)) continue;
      REGROUP_ASSIGN_OR_RETURN(const std::optional<StageIdentity> recorded, run_->Recorded(name));
      const StageIdentity& now = identities_.at(name);
      if (!recorded.has_value() || recorded->Hash() == now.Hash()) continue;
      stale.push_back(name);
      absl::StrAppend(&changes, "\n  ", name, ": ",
                      absl::StrJoin(ChangedKeys(*recorded, now), "\n  " + name + ": "));
    }
    if (stale.empty()) return absl::OkStatus();
    return UserError(
        run_->path(),
        absl::StrCat("stages have changed since they ran:", changes,
                     "\nUndo the change, choose another folder with --out, or run them again with ",
                     "--redo ", absl::StrJoin(stale, " --redo "),
                     " (the old folders are kept aside)"));
  }

  // Children first: a kill in between leaves the parents, so that the same command moves the rest.
  // The note of what was asked for lets the same command go on after a kill.
  absl::Status Redo() {
    for (auto name = names_.rbegin(); name != names_.rend(); ++name) {
      if (!redo_.contains(*name)) continue;
      REGROUP_ASSIGN_OR_RETURN(const std::string target, run_->MoveAside(*name));
      LogInfo(absl::StrCat(*name, ": moved aside to ", target));
    }
    if (resumes_redo_) LogInfo("goes on with the --redo that was begun before");
    return options_.redo.empty() ? absl::OkStatus() : run_->NoteRedo(options_.redo);
  }

  absl::Status Announce() const {
    SetLogFile(JoinPath(run_->path(), "log.txt"));
    REGROUP_RETURN_IF_ERROR(
        WriteFileAtomically(JoinPath(run_->path(), "recipe.yaml"), WriteYaml(recipe_.tree)));
    return CompareEnvironment();
  }

  // Bits can differ on another machine or with other threads: said, not refused.
  absl::Status CompareEnvironment() const {
    REGROUP_ASSIGN_OR_RETURN(const std::string binary, HashFile("/proc/self/exe"));
    const char* onednn = std::getenv("ONEDNN_MAX_CPU_ISA");
    const Json now = {{"device", device_},
                      {"threads", at::get_num_threads()},
                      {"instruction_set", at::get_cpu_capability()},
                      {"onednn_max_cpu_isa", onednn != nullptr ? onednn : ""},
                      {"libtorch", TORCH_VERSION},
                      {"binary", binary}};
    const std::string path = JoinPath(run_->path(), "environment.json");
    if (FileExists(path)) {
      const absl::StatusOr<Json> read = ReadConfigFile(path);
      const Json before = read.ok() && read->is_object() ? *read : Json::object();
      if (before == now) return absl::OkStatus();
      std::vector<std::string> changes;
      for (const auto& [key, value] : now.items()) {
        const Json was = before.value(key, Json());
        if (was != value)
          changes.push_back(absl::StrCat(key, " ", DumpJson(was), " -> ", DumpJson(value)));
      }
      LogWarning(absl::StrCat("this run was begun under other conditions (",
                              absl::StrJoin(changes, ", "),
                              "): results may differ in the last bits"));
    }
    return WriteFileAtomically(path, DumpJsonPretty(now));
  }

  absl::StatusOr<Json> Call(const std::string& name) const {
    StageContext context{&recipe_, recipe_.Find(name), run_.get(), device_};
    return context.stage == nullptr ? RunTokenizer(context)
                                    : FunctionOf(context.stage->kind)(context);
  }

  absl::Status RunStage(const std::string& name) {
    REGROUP_ASSIGN_OR_RETURN(const std::optional<Json> finished, run_->Result(name));
    if (finished.has_value()) {
      LogInfo(absl::StrCat(name, ": finished before, skipped"));
      return ShowTable(name, *finished);
    }
    if (StopRequested()) return StoppedStatus();
    LogInfo(absl::StrCat(name, ": ",
                         recipe_.Find(name) != nullptr ? recipe_.Find(name)->kind : "vocabulary",
                         " (stage ", 1 + (std::ranges::find(names_, name) - names_.begin()), " of ",
                         names_.size(), ")"));
    REGROUP_RETURN_IF_ERROR(run_->Begin(name, identities_.at(name)));
    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<Json> result = Call(name);
    const double before = run_->SecondsBefore(name), seconds = SecondsSince(start);
    if (!result.ok()) {
      run_->NoteSeconds(name, seconds);
      if (!IsStopped(result.status())) Failed(name, result.status());
      return result.status();
    }
    REGROUP_RETURN_IF_ERROR(run_->Finish(name, identities_.at(name), *result, before + seconds));
    LogInfo(absl::StrCat(name, ": done in ", FormatDuration(before + seconds),
                         before > 0 ? " over several sessions" : ""));
    return ShowTable(name, *result);
  }

  void Failed(const std::string& name, const absl::Status& error) const {
    run_->NoteFailure(name, error);
    LogToFile(absl::StrCat("error: ", name, ": ", std::string(error.message())));
  }

  absl::Status ShowTable(const std::string& name, const Json& result) const {
    if (!result.contains("table")) return absl::OkStatus();
    REGROUP_ASSIGN_OR_RETURN(
        const std::string text,
        ReadFile(JoinPath(run_->StageFolder(name), result["table"].get<std::string>())));
    out_ << text;
    out_.flush();
    return absl::OkStatus();
  }

  // Of a run whose stages are all done. A report that cannot be written fails no run.
  void Report() const {
    for (const std::string& name : names_) {
      const auto result = run_->Result(name);
      if (!result.ok() || !result->has_value()) return;
    }
    const std::string file = DefaultReportFile({run_->path()});
    const auto data = GatherReport({run_->path()});
    const absl::Status status = data.ok() ? WriteReport(*data, file, false) : data.status();
    if (!status.ok()) {
      LogWarning(absl::StrCat("no report: ", std::string(status.message())));
    } else {
      LogInfo(absl::StrCat("report: ", file));
    }
    for (const Stage& stage : recipe_.stages) {
      if (stage.kind != "export") continue;
      const auto result = run_->Result(stage.name);
      if (result.ok() && result->has_value())
        LogInfo(absl::StrCat("export: ", TextOf(**result, "to")));
    }
  }

  const Recipe& recipe_;
  const RunOptions& options_;
  std::ostream& out_;
  std::vector<std::string> names_;
  std::string device_;
  std::map<std::string, StageIdentity> identities_;
  std::unique_ptr<RunFolder> run_;
  bool resumes_redo_ = false;  // --redo is that of a run that was stopped
  std::set<std::string> redo_;
};

}  // namespace

std::string RunFolderPath(const Recipe& recipe, const std::string& out) {
  return out.empty() ? JoinPath("runs", recipe.head.name) : out;
}

bool RunOptions::Selects(const std::string& stage) const {
  return only.empty() || Holds(only, stage);
}

absl::StatusOr<std::string> ResolveDevice(const std::string& device) {
  if (device == "auto") return at::hasCUDA() ? "cuda" : "cpu";
  if (device.starts_with("cuda") && !at::hasCUDA()) {
    return UserError("device",
                     "cuda is asked for, but LibTorch sees no CUDA device; use cpu or auto");
  }
  return device;
}

absl::Status RunRecipe(const Recipe& recipe, const RunOptions& options, std::ostream& out) {
  const absl::Status status = Runner(recipe, options, out).Run();
  SetLogFile("");
  return status;
}

}  // namespace regroup
