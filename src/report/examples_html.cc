// Cards of examples: source, reference, and every output with its differences marked.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "report/examples.h"
#include "report/printable.h"
#include "report/word_diff.h"

namespace regroup {
namespace {

constexpr size_t kFoldAt = 400, kShownOfFolded = 160;  // characters

// A long text is folded behind its beginning. `html` is its full form.
std::string Folded(const std::string& text, const std::string& html) {
  if (CharacterCount(text) <= kFoldAt) return html;
  return absl::StrCat("<details><summary>", EscapeHtml(Shorten(text, kShownOfFolded)), "</summary>",
                      html, "</details>");
}

std::string PlainText(const std::string& text, const std::string& if_empty) {
  if (text.empty()) return absl::StrCat("<em class=\"none\">", if_empty, "</em>");
  return Folded(ToUtf8(text), absl::StrCat("<span class=\"text\">", EscapeHtml(text), "</span>"));
}

// Words that the reference does not have are marked as insertions; where it has others, a caret
// says which.
std::string DiffHtml(const WordDiff& diff) {
  std::string html = "<span class=\"text\">";
  for (const DiffPart& part : diff.parts) {
    if (!part.missing.empty()) {
      const std::string missing = absl::StrCat("missing: ", EscapeHtml(part.missing));
      absl::StrAppend(&html, "<span class=\"gap\" role=\"img\" title=\"", missing,
                      "\" aria-label=\"", missing, "\">\xE2\x80\xB8</span> ");
    }
    if (part.text.empty()) continue;
    const std::string text = EscapeHtml(part.text);
    absl::StrAppend(&html, part.shared ? text : absl::StrCat("<ins>", text, "</ins>"), " ");
  }
  return html + "</span>";
}

// The reference that the output comes nearest to.
WordDiff NearestDiff(const std::vector<std::string>& references, const std::string& output) {
  WordDiff nearest;
  for (size_t i = 0; i < references.size(); ++i) {
    WordDiff diff = CompareWords(references[i], output);
    if (i == 0 || diff.shared_words > nearest.shared_words) nearest = std::move(diff);
  }
  return nearest;
}

std::string Verdict(const WordDiff& diff) {
  if (diff.output_words == 0) return "empty";
  if (diff.shared_words == diff.output_words && diff.shared_words == diff.reference_words)
    return "equal";
  return absl::StrCat(diff.shared_words, " of ", diff.reference_words, " words, ",
                      diff.output_words - diff.shared_words, " others");
}

std::string Line(const std::string& name, const std::string& note, const std::string& html) {
  return absl::StrCat("<dt>", EscapeHtml(name),
                      note.empty() ? "" : absl::StrCat(" <small>", note, "</small>"), "</dt>\n<dd>",
                      html, "</dd>\n");
}

std::string References(const std::vector<std::string>& references) {
  if (references.size() <= 1)
    return PlainText(references.empty() ? "" : references[0], "none recorded");
  std::string others;
  for (size_t i = 1; i < references.size(); ++i)
    absl::StrAppend(&others, "<li>", PlainText(references[i], "empty"), "</li>");
  return absl::StrCat(PlainText(references[0], "empty"), "<details><summary>and ",
                      references.size() - 1, " more</summary><ul>", others, "</ul></details>");
}

std::string Card(const ExampleSet& set, const ExampleRow& row) {
  std::string html = absl::StrCat(
      "<article class=\"example\">\n<h4>Row ", EscapeHtml(row.id),
      row.chosen_by_disagreement ? " <small>among the largest disagreements</small>" : "",
      "</h4>\n<dl>\n", Line("Source", "", PlainText(row.source, "not recorded by this run")),
      Line("Reference", "", References(row.references)));
  for (size_t i = 0; i < row.outputs.size(); ++i) {
    const WordDiff diff = NearestDiff(row.references, row.outputs[i]);
    const std::string shown = row.references.empty()   ? PlainText(row.outputs[i], "empty")
                              : row.outputs[i].empty() ? PlainText("", "empty")
                                                       : Folded(row.outputs[i], DiffHtml(diff));
    html += Line(set.models[i], row.references.empty() ? "" : Verdict(diff), shown);
  }
  return html + "</dl>\n</article>\n";
}

}  // namespace

std::string ExamplesHtml(const ExampleSet& set) {
  std::string html = absl::StrCat("<h3>", EscapeHtml(set.task), "</h3>\n");
  const bool cut = set.rows_read >= kMostExampleRows;
  absl::StrAppend(&html, "<p>", set.rows.size(), " of ", cut ? "the first " : "", set.rows_read,
                  " rows: up to ", kExamples / 2,
                  " on which the models disagree most, the others at even distances.</p>\n"
                  "<div class=\"cards\">\n");
  for (const ExampleRow& row : set.rows) html += Card(set, row);
  return html + "</div>\n";
}

}  // namespace regroup
