// Gathers runs for a report.
#include "report/report_data.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/files.h"
#include "core/log.h"
#include "report/json_fields.h"
#include "report/printable.h"

namespace regroup {
namespace {

std::string FolderName(const std::string& path) {
  const auto whole = std::filesystem::absolute(path).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

std::vector<std::string> RunLabels(const std::vector<std::string>& paths) {
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    labels.push_back(FolderName(path));
    seen.insert(labels.back());
  }
  return seen.size() == paths.size() ? labels : paths;
}

std::vector<SkippedWindow> ReadLedgers(RunRecord& run) {
  std::vector<SkippedWindow> skipped;
  for (const StageRecord& stage : run.stages) {
    std::ifstream lines(JoinPath(stage.folder, "ledger.jsonl"), std::ios::binary);
    size_t unreadable = 0;
    for (std::string line; std::getline(lines, line);) {
      const Json entry = Json::parse(ToUtf8(line), nullptr, /*allow_exceptions=*/false);
      if (!entry.is_object()) {
        ++unreadable;
        continue;
      }
      skipped.push_back({stage.name, TextOf(entry, "reason"), NumberOf(entry, "step"),
                         NumberOf(entry, "loss"), NumberOf(entry, "gradient_norm"),
                         NumberOf(entry, "position")});
    }
    if (unreadable > 0) {
      run.notes.push_back({absl::StrCat(stage.name, "/ledger.jsonl"),
                           absl::StrCat(unreadable, " of its lines cannot be read")});
    }
  }
  return skipped;
}

std::string LastStep(const StageRecord& stage) {
  if (stage.log.steps.empty()) return "";
  return absl::StrCat(" (last logged step: ", FormatCount(stage.log.steps.back().step), ")");
}

// What a reader could look for in vain: stages that have not finished.
void NoteUnfinished(RunRecord& run) {
  std::vector<std::string> waiting;
  for (const StageRecord& stage : run.stages) {
    if (stage.state == StageState::kWaiting) waiting.push_back(stage.name);
    if (stage.state == StageState::kRunning) {
      run.notes.push_back(
          {stage.name, absl::StrCat("is running now (process ", run.process.value_or(0), ")")});
    }
    if (stage.state == StageState::kFailed) {
      run.notes.push_back(
          {stage.name, absl::StrCat("failed", LastStep(stage), ": ", OneLine(stage.error))});
    }
    if (stage.state == StageState::kStopped) {
      run.notes.push_back({stage.name, absl::StrCat("began and has not finished", LastStep(stage),
                                                    "; the same `regroup run` goes on with it")});
    }
  }
  if (waiting.empty()) return;
  constexpr size_t kNamed = 4;
  const std::string what = waiting.size() == 1 ? "has not begun" : "have not begun";
  if (waiting.size() > kNamed + 1) {
    const std::string more = absl::StrCat(" and ", waiting.size() - kNamed, " more");
    waiting.resize(kNamed);
    waiting.back() += more;
  }
  run.notes.push_back({absl::StrJoin(waiting, ", "), what});
}

std::vector<ExampleSource> SourcesOf(const ReportData& data, ReportedRun& run) {
  std::vector<ExampleSource> sources;
  for (const ModelFindings& model : run.findings.models) {
    for (const TaskScore& score : model.scores) {
      const StageRecord* stage = run.record.Find(score.stage);
      const std::string name = TextOf(stage->result, "predictions");
      const std::string path = JoinPath(stage->folder, name.empty() ? "predictions.jsonl" : name);
      const std::string place = absl::StrCat(stage->name, "/", BaseName(path));
      if (FileExists(path)) {
        sources.push_back(
            {data.Named(run, model.label), TaskName(score), path, data.Named(run, place)});
      } else {
        run.record.notes.push_back({place, "is missing: its outputs are not among the examples"});
      }
    }
  }
  return sources;
}

}  // namespace

std::string ReportData::Named(const ReportedRun& run, const std::string& name) const {
  return several() ? absl::StrCat(run.label, ": ", name) : name;
}

absl::StatusOr<ReportData> GatherReport(const std::vector<std::string>& paths) {
  ReportData data;
  const std::vector<std::string> labels = RunLabels(paths);
  for (size_t i = 0; i < paths.size(); ++i) {
    REGROUP_ASSIGN_OR_RETURN(RunRecord record, ReadRun(paths[i]));
    ReadTraining(record);
    NoteUnfinished(record);
    std::vector<SkippedWindow> skipped = ReadLedgers(record);
    Findings findings = FindingsOf(record);
    data.runs.push_back({labels[i], std::move(record), std::move(findings), std::move(skipped)});
  }
  std::vector<ExampleSource> sources;
  std::vector<RunNote> example_notes;
  for (ReportedRun& run : data.runs) {
    for (ExampleSource& source : SourcesOf(data, run)) sources.push_back(std::move(source));
  }
  data.examples = ChooseExamples(sources, example_notes);
  for (const ReportedRun& run : data.runs) {
    for (const RunNote& note : run.record.notes)
      data.notes.push_back({data.Named(run, note.place), note.message});
  }
  data.notes.insert(data.notes.end(), example_notes.begin(), example_notes.end());
  return data;
}

}  // namespace regroup
