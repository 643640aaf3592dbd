// Sentences over the findings of a run.
#include "report/report_summary.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/log.h"
#include "report/json_fields.h"
#include "report/report_tables.h"

namespace regroup {
namespace {

std::string Plural(size_t count, const std::string& one) {
  return absl::StrCat(count, " ", one, count == 1 ? "" : "s");
}

std::vector<const StageRecord*> OfKind(const RunRecord& run, const std::string& kind) {
  std::vector<const StageRecord*> stages;
  for (const StageRecord& stage : run.stages) {
    if (stage.kind == kind) stages.push_back(&stage);
  }
  return stages;
}

// "gqa (2 heads, mean), mqa (1 head, mean)".
std::string Conversions(const std::vector<const StageRecord*>& stages) {
  std::vector<std::string> texts;
  for (const StageRecord* stage : stages) {
    const Json& asked = FieldOf(stage->config, "kv_heads");
    const Json& chosen = FieldOf(FieldOf(stage->result, "budget"), "chosen");
    const Json& heads = asked.is_null() ? FieldOf(chosen, "kv_heads") : asked;
    texts.push_back(absl::StrCat(stage->name, " (",
                                 heads.is_null()     ? "?"
                                 : heads.is_string() ? heads.get<std::string>()
                                                     : DumpJson(heads),
                                 " K/V heads, ", TextOf(stage->config, "method"), ")"));
  }
  return absl::StrJoin(texts, ", ");
}

std::string Alphas(const std::vector<const StageRecord*>& stages) {
  std::set<std::string> alphas;
  for (const StageRecord* stage : stages) {
    const Json& alpha = FieldOf(stage->config, "alpha");
    if (alpha.is_number()) alphas.insert(absl::StrFormat("%g %%", 100 * NumberOf(alpha)));
    if (alpha.is_string()) alphas.insert(alpha.get<std::string>());
  }
  return absl::StrJoin(alphas, ", ");
}

std::string Tasks(const std::vector<const StageRecord*>& stages) {
  std::vector<std::string> tasks;
  for (const StageRecord* stage : stages) {
    const std::string task = TextOf(stage->config, "task");
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) tasks.push_back(task);
  }
  return absl::StrJoin(tasks, ", ");
}

std::string AskedFor(const RunRecord& run) {
  std::vector<std::string> parts;
  for (const StageRecord* stage : OfKind(run, "pretrain")) {
    parts.push_back(absl::StrFormat(
        "pre-training %s for %s steps", stage->name,
        FormatCount(static_cast<long long>(std::max(0.0, NumberOf(stage->config, "steps"))))));
  }
  if (const auto stages = OfKind(run, "convert"); !stages.empty())
    parts.push_back(absl::StrCat("merging heads: ", Conversions(stages)));
  if (const auto stages = OfKind(run, "uptrain"); !stages.empty())
    parts.push_back(
        absl::StrCat(Plural(stages.size(), "uptraining"), " (\xCE\xB1 ", Alphas(stages), ")"));
  if (const auto stages = OfKind(run, "finetune"); !stages.empty())
    parts.push_back(absl::StrCat(Plural(stages.size(), "fine-tuning"), " (", Tasks(stages), ")"));
  if (const auto stages = OfKind(run, "evaluate"); !stages.empty())
    parts.push_back(absl::StrCat(Plural(stages.size(), "evaluation"), " (", Tasks(stages), ")"));
  if (const size_t count = OfKind(run, "bench").size(); count > 0)
    parts.push_back(count == 1 ? "timing of decoding"
                               : absl::StrCat(count, " timings of decoding"));
  if (const size_t count = OfKind(run, "export").size(); count > 0)
    parts.push_back(Plural(count, "export"));
  return parts.empty() ? "not known" : absl::StrJoin(parts, "; ");
}

std::string Progress(const RunRecord& run) {
  std::map<StageState, size_t> count;
  double seconds = 0;
  for (const StageRecord& stage : run.stages) {
    ++count[stage.state];
    seconds += stage.seconds.value_or(0);
  }
  const size_t done = count[StageState::kDone];
  const std::string time = absl::StrCat(", ", FormatDuration(seconds), " of work");
  if (done == run.stages.size()) return absl::StrCat("all ", Plural(done, "stage"), " done", time);
  std::string text = absl::StrCat(done, " of ", Plural(run.stages.size(), "stage"), " done", time);
  for (const StageState state :
       {StageState::kRunning, StageState::kFailed, StageState::kStopped, StageState::kWaiting}) {
    if (count[state] > 0) absl::StrAppend(&text, ", ", count[state], " ", StateName(state));
  }
  return text;
}

std::string Machine(const ReportedRun& run) {
  std::vector<std::string> parts;
  for (const StageRecord* bench : OfKind(run.record, "bench")) {
    const std::string cpu = TextOf(FieldOf(bench->result, "machine"), "cpu");
    if (!cpu.empty() && parts.empty()) parts.push_back(cpu);
  }
  const Json& environment = run.record.environment;
  if (const std::string device = TextOf(environment, "device"); !device.empty())
    parts.push_back(absl::StrCat("device ", device));
  if (const double threads = NumberOf(environment, "threads"); threads > 0)
    parts.push_back(Plural(static_cast<size_t>(threads), "thread"));
  for (const char* key : {"instruction_set", "libtorch"}) {
    if (const std::string text = TextOf(environment, key); !text.empty())
      parts.push_back(key == std::string("libtorch") ? absl::StrCat("LibTorch ", text) : text);
  }
  return absl::StrJoin(parts, ", ");
}

// Against the first model of the run: how much faster, how much smaller, what it costs.
std::string AgainstFirst(const ModelFindings& first, const ModelFindings& model,
                         const std::vector<std::string>& tasks) {
  std::vector<std::string> parts;
  if (!first.timings.empty() && !model.timings.empty() &&
      first.timings[0].bench == model.timings[0].bench) {
    const Timing &before = first.timings[0], &now = model.timings[0];
    const double ratio = before.ms_per_sample / now.ms_per_sample;
    if (std::isfinite(ratio)) {
      parts.push_back(absl::StrFormat("decodes a sample in %.2f ms instead of %.2f (%.2f\xC3\x97)",
                                      now.ms_per_sample, before.ms_per_sample, ratio));
    }
    if (now.kv_bytes > 0 && before.kv_bytes > 0) {
      parts.push_back(absl::StrFormat("keeps K/V caches of %s instead of %s (1/%.3g)",
                                      FormatBytes(now.kv_bytes), FormatBytes(before.kv_bytes),
                                      before.kv_bytes / now.kv_bytes));
    }
  }
  const double difference = AverageScore(model, tasks) - AverageScore(first, tasks);
  if (std::isfinite(difference)) {
    parts.push_back(absl::StrFormat("scores %.1f instead of %.1f on average over %s (%s%.1f)",
                                    AverageScore(model, tasks), AverageScore(first, tasks),
                                    Plural(tasks.size(), "task"),
                                    difference < 0 ? "\xE2\x88\x92" : "+", std::fabs(difference)));
  }
  return parts.empty() ? ""
                       : absl::StrCat(model.label, " against ", first.label, ": ",
                                      absl::StrJoin(parts, "; "), ".");
}

std::string Recovered(const RecoveryWay& way) {
  if (way.points.empty()) return "";
  const WayPoint &first = way.points.front(), &last = way.points.back();
  if (!std::isfinite(last.won_back)) return "";
  return absl::StrFormat(
      "%s: merging took the held-out loss from %.4f to %.4f; at \xCE\xB1 = %g %% it is %.4f, %.4f "
      "%s the parent trained as long: %.1f %% of what merging cost is won back.",
      way.label, first.loss - first.above, first.loss, 100 * last.alpha, last.loss,
      std::fabs(last.above), last.above >= 0 ? "above" : "below", 100 * last.won_back);
}

}  // namespace

RunSummary SummaryOf(const ReportedRun& run) {
  const RunRecord& record = run.record;
  RunSummary summary;
  const auto add = [&](const std::string& name, const std::string& text) {
    if (!text.empty()) summary.facts.emplace_back(name, text);
  };
  add("Recipe", record.name);
  add("Folder", record.path);
  add("Asked for", AskedFor(record));
  add("State", Progress(record));
  if (!record.begun.empty())
    add("When", absl::StrCat(record.begun, " to ", record.last_sign, " (UTC)"));
  add("Machine", Machine(run));

  const std::vector<ModelFindings>& models = run.findings.models;
  const std::vector<std::string> tasks = TasksOf(models);
  for (size_t i = 1; i < models.size(); ++i) {
    if (std::string text = AgainstFirst(models[0], models[i], tasks); !text.empty())
      summary.findings.push_back(std::move(text));
  }
  for (const RecoveryWay& way : RecoveryWays(run.findings.recovery)) {
    if (std::string text = Recovered(way); !text.empty())
      summary.findings.push_back(std::move(text));
  }
  return summary;
}

}  // namespace regroup
