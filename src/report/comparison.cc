// Text of a comparison, part by part.
#include "report/comparison.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/files.h"
#include "core/log.h"
#include "report/json_fields.h"
#include "report/paper.h"
#include "report/table.h"

namespace regroup {
namespace {

std::string Number(const Json& value, int digits) {
  return value.is_number() ? absl::StrFormat("%.*f", digits, value.get<double>()) : "-";
}

std::string Interval(const Json& interval) {
  if (!interval.is_array() || interval.size() != 2) return "-";
  return absl::StrCat("[", Number(interval[0], 1), ", ", Number(interval[1], 1), "]");
}

std::string QualityText(const Json& rows) {
  TextTable table{{"model", "K/V heads", "task", "metric", "score", "95 % interval", "shuffled",
                   "95 % interval", "loss"},
                  {}};
  for (const Json& row : rows) {
    bool first = true;
    for (const auto& [name, task] : row["tasks"].items()) {
      table.rows.push_back({first ? row["label"].get<std::string>() : "",
                            first ? row["kv_heads"].get<std::string>() : "", name,
                            task["metric"].get<std::string>(), Number(task["value"], 1),
                            Interval(task["interval"]), Number(task["shuffled"], 1),
                            Interval(task["shuffled_interval"]), Number(task["loss"], 3)});
      first = false;
    }
  }
  return absl::StrCat(
      "Quality (score: against the references; shuffled: against the references of other rows; "
      "loss: nats "
      "per target token)\n\n",
      FormatTable(table));
}

std::string Ratio(const Json& first, const Json& value) {
  const bool numbers = first.is_number() && value.is_number() && value.get<double>() > 0;
  return numbers ? absl::StrFormat("%.2fx", first.get<double>() / value.get<double>()) : "-";
}

std::string SpeedText(const Json& rows, const Json& bench) {
  TextTable table{{"model", "stage", "ms per sample", "speed-up", "step ms", "K/V bytes",
                   "K/V per position", "parameters"},
                  {}};
  const auto measured = [](const Json& row, const char* key) {
    return row["bench"].is_object() ? row["bench"].value(key, Json()) : Json();
  };
  for (const Json& row : rows) {
    const Json ms = measured(row, "ms_per_sample");
    const Json step = measured(row, "step_ms");
    const Json bytes = measured(row, "kv_bytes");
    table.rows.push_back(
        {row["label"].get<std::string>(), BaseName(row["name"].get<std::string>()), Number(ms, 2),
         Ratio(measured(rows[0], "ms_per_sample"), ms),
         step.is_object() ? Number(step.value("median", Json()), 2) : "-",
         bytes.is_number() ? FormatBytes(bytes.get<double>()) : "-",
         absl::StrCat(FormatCount(row["kv_bytes_per_position"].get<long long>()), " B"),
         FormatCount(row["parameters"].get<long long>())});
  }
  const std::string setting =
      bench.is_object()
          ? absl::StrFormat(
                "batch %d, %d source tokens, %d generated tokens, %s, greedy; a sample is the "
                "encoder and all steps;\nin a step of this size the K/V cache dominates",
                bench["batch"].get<int64_t>(), bench["source"].get<int64_t>(),
                bench["target"].get<int64_t>(), bench["precision"].get<std::string>())
          : "not timed";
  return absl::StrCat("Speed (", setting, ")\n\n", FormatTable(table));
}

// The point of a way at this share, or null.
const Json& PointAt(const Json& way, const Json& alpha) {
  static const Json null;
  for (const Json& point : way["points"]) {
    if (point["alpha"] == alpha) return point;
  }
  return null;
}

std::vector<std::string> AlphaHeader(const Json& alphas, std::vector<std::string> first) {
  for (const Json& alpha : alphas)
    first.push_back(absl::StrFormat("%g %%", 100 * alpha.get<double>()));
  return first;
}

std::string LossesText(const Json& recovery) {
  TextTable table{AlphaHeader(recovery["alphas"], {"held-out loss at alpha =", "runs"}), {}};
  for (const Json& way : recovery["ways"]) {
    std::vector<std::string> cells = {
        absl::StrCat(way["label"].get<std::string>(),
                     way["parent"].get<bool>() ? ", the parent trained as long" : ""),
        absl::StrCat(way["stages"].size())};
    for (const Json& alpha : recovery["alphas"])
      cells.push_back(Number(FieldOf(PointAt(way, alpha), "loss"), 4));
    table.rows.push_back(std::move(cells));
  }
  return FormatTable(table);
}

std::string Percent(const Json& share) {
  return share.is_number() ? absl::StrFormat("%.1f %%", 100 * share.get<double>()) : "-";
}

// Loss above the parent, with the interval over runs where there are several, and what is won back
// at the last share; "" where no parent was trained as long.
std::string AboveText(const Json& recovery) {
  TextTable table{AlphaHeader(recovery["alphas"], {"above the parent at alpha ="}), {}};
  table.header.insert(table.header.end(), {"won back", "of the mean's gap"});
  for (const Json& way : recovery["ways"]) {
    std::vector<std::string> cells = {way["label"].get<std::string>()};
    for (const Json& alpha : recovery["alphas"]) {
      const Json& point = PointAt(way, alpha);
      const Json& half_width = FieldOf(point, "half_width");
      cells.push_back(absl::StrCat(
          Number(FieldOf(point, "above_parent"), 3),
          half_width.is_number() ? absl::StrCat(" \xC2\xB1", Number(half_width, 3)) : ""));
    }
    const Json& last = way["points"].empty() ? Json() : way["points"].back();
    if (!FieldOf(last, "above_parent").is_number()) continue;
    cells.push_back(Percent(FieldOf(last, "won_back")));
    cells.push_back(Percent(FieldOf(last, "of_mean_gap")));
    table.rows.push_back(std::move(cells));
  }
  if (table.rows.empty()) return "";
  return absl::StrCat(
      "\nAbove the parent trained as long on the same batches (\xC2\xB1: 95 % "
      "interval over orders of the data); won back at the last alpha: of what this "
      "merge cost, and of what the mean cost\n\n",
      FormatTable(table));
}

std::string PaperRecoveryText() {
  TextTable table{{"model"}, {}};
  for (const double alpha : kPaperAlphas)
    table.header.push_back(absl::StrFormat("alpha %g %%", 100 * alpha));
  for (const PaperRecovery& curve : kPaperFigure5) {
    std::vector<std::string> cells = {curve.name};
    for (const double score : curve.score) cells.push_back(absl::StrFormat("%.2f", score));
    table.rows.push_back(std::move(cells));
  }
  return absl::StrCat(
      "\nThe paper's own curve (Figure 5, read off the plot: T5-XXL, mean score of "
      "three tasks after fine-tuning)\n\n",
      FormatTable(table));
}

std::string RecoveryText(const Json& recovery) {
  return absl::StrCat(
      "Recovery (alpha: share of the original steps that were trained after conversion; held-out "
      "span-corruption loss, nats per target token)\n\n",
      LossesText(recovery), AboveText(recovery), PaperRecoveryText());
}

// The paper's XXL models; its Large one has no counterpart here.
std::string PaperText() {
  TextTable table{
      {"model", "s per sample", "speed-up", "average", "CNN R1", "WMT BLEU", "TriviaQA F1"}, {}};
  for (size_t i = 0; i < 3; ++i) {
    const PaperModel& model = kPaperTable1[i];
    const double speed_up = kPaperTable1[0].seconds_per_sample / model.seconds_per_sample;
    table.rows.push_back({model.name, Number(model.seconds_per_sample, 2),
                          absl::StrFormat("%.2fx", speed_up), Number(model.average, 1),
                          Number(model.cnn_rouge1, 1), Number(model.wmt_bleu, 1),
                          Number(model.trivia_qa_f1, 1)});
  }
  return absl::StrCat(
      "The paper's own figures (arXiv 2305.13245, Table 1: T5-XXL with 64 heads, TPUv4)\n\n",
      FormatTable(table));
}

}  // namespace

std::string ComparisonText(const Json& comparison) {
  const Json& rows = comparison["rows"];
  std::string text;
  if (!rows.empty())
    text = absl::StrCat(QualityText(rows), "\n", SpeedText(rows, comparison["bench"]), "\n");
  if (comparison["recovery"].is_object())
    absl::StrAppend(&text, RecoveryText(comparison["recovery"]), "\n");
  return absl::StrCat(text, PaperText());
}

}  // namespace regroup
