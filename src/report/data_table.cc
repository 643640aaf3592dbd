// The three forms of a table.
#include "report/data_table.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/log.h"
#include "report/json_fields.h"
#include "report/printable.h"

namespace regroup {
namespace {

using Kind = Column::Kind;

constexpr char kNone[] = "\xE2\x80\x93";  // en dash

std::string Field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string CsvValue(const Json& value) {
  if (value.is_null()) return "";
  return Field(value.is_string() ? value.get<std::string>() : DumpJson(value));
}

// A value as CSV and JSON hold it: one, or two of an interval.
std::vector<std::pair<std::string, Json>> Values(const Column& column, const Cell& cell) {
  if (column.kind != Kind::kInterval) return {{column.key, cell.value}};
  const bool known = cell.value.is_array() && cell.value.size() == 2;
  return {{column.key + "_low", known ? cell.value[0] : Json()},
          {column.key + "_high", known ? cell.value[1] : Json()}};
}

// Groups of rows read better when what repeats on the left is said once.
bool Repeats(const DataTable& table, size_t row, size_t column) {
  for (size_t i = 0; i <= column; ++i) {
    if (table.columns[i].kind == Kind::kFilesOnly) continue;
    if (table.columns[i].kind != Kind::kText || row == 0 ||
        table.rows[row][i].value != table.rows[row - 1][i].value) {
      return false;
    }
  }
  return true;
}

std::string RowHtml(const DataTable& table, size_t row) {
  std::string html = "<tr>";
  bool first = true;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    if (column.kind == Kind::kFilesOnly) continue;
    const Cell& cell = table.rows[row][i];
    const char* element = first ? "th scope=\"row\"" : "td";
    const bool number = column.kind != Kind::kText;
    absl::StrAppend(&html, "<", element, number ? " class=\"n\">" : ">",
                    Repeats(table, row, i) ? ""
                    : cell.shown.empty()   ? kNone
                                           : EscapeHtml(cell.shown),
                    first ? "</th>" : "</td>");
    first = false;
  }
  return html + "</tr>\n";
}

}  // namespace

Cell Cell::Of(const std::string& text) {
  return {text.empty() ? Json() : Json(ToUtf8(text)), text};
}

Cell Cell::Of(int64_t count) { return {count, FormatCount(count)}; }

Cell Cell::Of(double number, int digits) {
  if (!std::isfinite(number)) return {};
  return {number, absl::StrFormat("%.*f", digits, number)};
}

Cell Cell::Count(double count) {
  return std::isfinite(count) ? Of(static_cast<int64_t>(count)) : Cell{};
}

Cell Cell::Percent(double share) {
  if (!std::isfinite(share)) return {};
  return {share, absl::StrFormat("%.3g %%", 100 * share)};
}

Cell Cell::Ratio(double ratio) {
  if (!std::isfinite(ratio)) return {};
  return {ratio, absl::StrFormat("%.2f\xC3\x97", ratio)};
}

Cell Cell::Bytes(double bytes) {
  if (!std::isfinite(bytes)) return {};
  return {static_cast<int64_t>(bytes), FormatBytes(bytes)};
}

Cell Cell::Seconds(double seconds) {
  if (!std::isfinite(seconds)) return {};
  return {seconds, FormatDuration(seconds)};
}

Cell Cell::Interval(double low, double high, int digits) {
  if (!std::isfinite(low) || !std::isfinite(high)) return {};
  return {Json{low, high}, absl::StrFormat("%.*f to %.*f", digits, low, digits, high)};
}

std::string TableHtml(const DataTable& table) {
  std::string html = absl::StrCat("<div class=\"table\" id=\"", table.id,
                                  "\" tabindex=\"0\" role=\"region\" aria-label=\"Table ", table.id,
                                  "\">\n<table>\n<caption><span>", EscapeHtml(table.caption),
                                  "</span></caption>\n<thead><tr>");
  for (const Column& column : table.columns) {
    if (column.kind == Kind::kFilesOnly) continue;
    absl::StrAppend(&html, "<th scope=\"col\"", column.kind == Kind::kText ? ">" : " class=\"n\">",
                    EscapeHtml(column.title), "</th>");
  }
  html += "</tr></thead>\n<tbody>\n";
  for (size_t row = 0; row < table.rows.size(); ++row) html += RowHtml(table, row);
  return html + "</tbody>\n</table>\n</div>\n";
}

std::string TableCsv(const DataTable& table) {
  std::string header, lines;
  for (const Column& column : table.columns) {
    for (const auto& [key, value] : Values(column, {}))
      absl::StrAppend(&header, header.empty() ? "" : ",", key);
  }
  for (const auto& row : table.rows) {
    std::string line;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      for (const auto& [key, value] : Values(table.columns[i], row[i]))
        absl::StrAppend(&line, i == 0 ? "" : ",", CsvValue(value));
    }
    absl::StrAppend(&lines, line, "\n");
  }
  return absl::StrCat(header, "\n", lines);
}

Json TableJson(const DataTable& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (size_t i = 0; i < table.columns.size(); ++i) {
      for (auto& [key, value] : Values(table.columns[i], row[i])) object[key] = value;
    }
    rows.push_back(std::move(object));
  }
  return Json{{"generator", kGenerator},
              {"table", table.id},
              {"caption", table.caption},
              {"rows", std::move(rows)}};
}

}  // namespace regroup
