// The page of a report, section by section.
#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "report/printable.h"
#include "report/report.h"
#include "report/report_plots.h"
#include "report/report_summary.h"
#include "report/report_tables.h"

namespace regroup {

extern const char kEmbedded_report_style[];

namespace {

std::string TimeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

std::string Paragraph(const std::string& text) {
  return absl::StrCat("<p>", EscapeHtml(text), "</p>\n");
}

std::string Section(const std::string& id, const std::string& title, const std::string& content) {
  return absl::StrCat("<section id=\"section-", id, "\">\n<h2>", EscapeHtml(title), "</h2>\n",
                      content, "</section>\n");
}

std::string Figures(const std::vector<std::string>& figures) {
  return absl::StrCat("<div class=\"figures\">\n", absl::StrJoin(figures, ""), "</div>\n");
}

std::string RunSummaryHtml(const ReportData& data, const ReportedRun& run) {
  const RunSummary summary = SummaryOf(run);
  std::string html = data.several() ? absl::StrCat("<h3>", EscapeHtml(run.label), "</h3>\n") : "";
  html += "<dl class=\"facts\">\n";
  for (const auto& [name, text] : summary.facts)
    absl::StrAppend(&html, "<dt>", name, "</dt><dd>", EscapeHtml(text), "</dd>\n");
  html += "</dl>\n";
  if (summary.findings.empty()) return html + Paragraph("Nothing to compare yet.");
  html += "<ul class=\"findings\">\n";
  for (const std::string& text : summary.findings)
    absl::StrAppend(&html, "<li>", EscapeHtml(text), "</li>\n");
  return html + "</ul>\n";
}

std::string SummarySection(const ReportData& data) {
  std::string html;
  for (const ReportedRun& run : data.runs) html += RunSummaryHtml(data, run);
  return Section("summary", "Summary", html);
}

std::string MissingSection(const ReportData& data) {
  const DataTable table = MissingTable(data);
  return Section("missing", "What is missing",
                 table.rows.empty() ? Paragraph("Nothing: every stage is done and every file that "
                                                "this report reads was there.")
                                    : TableHtml(table));
}

std::string QualitySection(const ReportData& data) {
  const DataTable table = QualityTable(data);
  return Section("quality", "Quality",
                 table.rows.empty() ? Paragraph("No evaluation has finished.") : TableHtml(table));
}

std::string SpeedSection(const ReportData& data, ModelStyles& styles) {
  const DataTable table = SpeedTable(data);
  if (table.rows.empty())
    return Section("speed", "Speed and K/V bytes", Paragraph("No bench stage has finished."));
  return Section("speed", "Speed and K/V bytes",
                 TableHtml(table) + Figures(CacheFigures(data, styles)));
}

std::string QualityTimeSection(const ReportData& data, ModelStyles& styles) {
  const DataTable table = QualityAgainstTimeTable(data);
  return Section(
      "time", "Quality against time",
      absl::StrCat(Paragraph("One mark per model: the plain mean of its tasks' scores against the "
                             "time that a sample takes to decode. The paper's models have 11 "
                             "billion parameters (Large: 0.8) and were scored on other tasks; "
                             "only the shape compares."),
                   Figures(QualityTimeFigures(data, styles)),
                   table.rows.empty() ? "" : TableHtml(table), TableHtml(PaperTable())));
}

std::string RecoverySection(const ReportData& data, ModelStyles& styles) {
  const DataTable table = RecoveryTable(data);
  if (table.rows.empty())
    return Section("recovery", "Recovery",
                   Paragraph("No uptraining has measured its held-out loss yet."));
  return Section(
      "recovery", "Recovery",
      absl::StrCat(
          Paragraph(
              "\xCE\xB1 is the share of the original steps that was trained after merging. "
              "The fair reference is the parent trained as long on the same batches, and for a "
              "model that learned from a teacher a parent that learned from itself. "
              "The paper plots task scores after fine-tuning, which is "
              "another scale and the other way up."),
          Figures(RecoveryFigures(data, styles)), TableHtml(table),
          "<details><summary>The paper's "
          "curve as numbers</summary>\n",
          TableHtml(PaperRecoveryTable()), "</details>\n"));
}

std::string CurvesSection(const ReportData& data, ModelStyles& styles) {
  std::string html;
  for (const CurveGroup& group : TrainingCurves(data, styles)) {
    absl::StrAppend(
        &html, "<h3>", EscapeHtml(group.title), "</h3>\n", Figures(group.figures),
        "<details><summary>More: other metrics, learning rate, gradient norm, speed</summary>\n",
        Figures(group.others), "</details>\n");
  }
  return Section("curves", "Training",
                 html.empty()
                     ? Paragraph("No stage has logged a step.")
                     : Paragraph("A thin line is the loss as logged, the thick one its mean over a "
                                 "tenth of the stage around each step; where few steps were "
                                 "logged, there is one line.") +
                           html);
}

std::string ExamplesSection(const ReportData& data) {
  std::string html;
  for (const ExampleSet& set : data.examples) html += ExamplesHtml(set);
  if (html.empty()) return Section("examples", "Examples", Paragraph("There are no predictions."));
  return Section("examples", "Examples",
                 "<p>Beside each output: how many of the reference's words it has, in order, and "
                 "how many others. <ins>Underlined</ins> words are not in the reference; "
                 "<span class=\"gap\">\xE2\x80\xB8</span> stands where the reference has words "
                 "that the output lacks (a pointer on it shows them).</p>\n" +
                     html);
}

std::string SkippedSection(const ReportData& data) {
  const DataTable table = SkippedTable(data);
  return table.rows.empty() ? "" : Section("skipped", "Skipped windows", TableHtml(table));
}

std::string Title(const ReportData& data) {
  std::vector<std::string> names;
  for (const ReportedRun& run : data.runs)
    names.push_back(data.several() ? run.label : run.record.name);
  return Shorten(ToUtf8(absl::StrJoin(names, ", ")), 80);
}

std::string Navigation() {
  std::string html = "<nav aria-label=\"Sections\">\n";
  for (const auto& [id, name] :
       std::initializer_list<std::pair<const char*, const char*>>{{"summary", "Summary"},
                                                                  {"missing", "Missing"},
                                                                  {"quality", "Quality"},
                                                                  {"speed", "Speed"},
                                                                  {"time", "Quality against time"},
                                                                  {"recovery", "Recovery"},
                                                                  {"curves", "Training"},
                                                                  {"examples", "Examples"},
                                                                  {"stages", "Stages"}})
    absl::StrAppend(&html, "<a href=\"#section-", id, "\">", name, "</a>\n");
  return html + "</nav>\n";
}

}  // namespace

std::string ReportPage(const ReportData& data) {
  ModelStyles styles;
  for (const ReportedRun& run : data.runs) {
    for (const ModelFindings& model : run.findings.models) styles.Of(model.label);
  }
  const std::string title = EscapeHtml(Title(data));
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"generator\" content=\"",
      kGenerator,
      "\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
      title, " \xE2\x80\x93 regroup</title>\n<style>\n", kEmbedded_report_style,
      "</style>\n</head>\n<body>\n<header>\n<h1>", title, "</h1>\n<p>regroup report, written ",
      TimeNow(), "</p>\n", Navigation(), "</header>\n<main>\n", SummarySection(data),
      MissingSection(data), QualitySection(data), SpeedSection(data, styles),
      QualityTimeSection(data, styles), RecoverySection(data, styles), SkippedSection(data),
      CurvesSection(data, styles), ExamplesSection(data),
      Section("stages", "Stages", TableHtml(StagesTable(data))),
      "</main>\n<footer><p>Every table of this page, and every logged step and validation, also as "
      "CSV and JSON in the folder that was written beside it.</p></footer>\n</body>\n</html>\n");
}

}  // namespace regroup
